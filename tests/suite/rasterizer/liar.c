// A child that lies: it speaks the protocol (a length of four bytes, then JSON) and says what LIE names. It has no
// document and no library; the test gives it as the rasterizer's program.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 16 << 20 };

static char request[1 << 20];

static void hear(void) {
  uint32_t length = 0;
  if (read(1, &length, 4) != 4) _exit(0);
  for (uint32_t got = 0; got < length;) {
    ssize_t count = read(1, request + got, length - got);
    if (count <= 0) _exit(0);
    got += count;
  }
}

static void say(const char *bytes, size_t count) {
  for (size_t sent = 0; sent < count;) {
    ssize_t written = write(1, bytes + sent, count - sent);
    if (written <= 0) _exit(0);
    sent += written;
  }
}

static void answer(const char *message, size_t count) {
  uint32_t length = count;
  say((char *)&length, 4);
  say(message, count);
}

// A message as long as may be: `head`, then `element` again and again with commas, then `tail`.
static void answer_many(const char *head, const char *element, const char *tail) {
  char *message = malloc(MOST);
  size_t used = sprintf(message, "%s%s", head, element), step = strlen(element) + 1, end = strlen(tail);
  while (used + step + end <= MOST) used += sprintf(message + used, ",%s", element);
  used += sprintf(message + used, "%s", tail);
  answer(message, used);
}

#define CONFINED "{\"Confined\":{\"seccomp\":\"Active\",\"landlock\":\"Active\",\"namespaces\":\"Active\"}}"
#define OPENED(pages) "{\"Opened\":{\"format\":\"Pdf\",\"pages\":" pages ",\"encrypted\":false,\"bookmarks\":[]}}"
#define TEXT "{\"characters\":9,\"hidden\":0,\"covered\":0,\"unmapped\":0,\"in_annotations\":0}"
#define SEEN(images)                                                                                          \
  "{\"Inspected\":{\"width_pt\":100,\"height_pt\":100,\"image_coverage\":0,\"image_dpi\":null,\"image_px\":null," \
  "\"images\":[" images "],\"annotations\":[],\"paths\":0,\"substituted_fonts\":0,\"text\":" TEXT "}}"
#define LINE "{\"text\":\"x\",\"quad\":[[0,0],[0,0],[0,0],[0,0]],\"size\":1,\"bold\":false,\"italic\":false,\"fixed_pitch\":false,\"doubt\":null}"
#define RENDERED(lines) "{\"Rendered\":{\"text_layer\":{\"lines\":[" lines "],\"truncated\":false,\"unseen\":0,\"formulas\":["
#define ANSWER(message) answer(message, sizeof message - 1)

int main(void) {
  hear();
  if (!strcmp(LIE, "length")) {
    say("\xff\xff\xff\xff", 4);
  } else if (!strcmp(LIE, "brackets")) {
    answer_many("[", "[", "");
  } else if (!strcmp(LIE, "sentence")) {
    answer_many("{\"Failed\":{\"Io\":\"", "\\u0000", "\"}}");
  } else {
    // Two thirds of the time that its document has.
    if (!strcmp(LIE, "slow")) usleep(2000000);
    ANSWER(CONFINED);
    hear();
    if (!strcmp(LIE, "slow")) pause();
    if (!strcmp(LIE, "bookmarks")) {
      answer_many("{\"Opened\":{\"format\":\"Pdf\",\"pages\":1,\"encrypted\":false,\"bookmarks\":[",
                  "{\"depth\":1,\"title\":\"x\",\"page\":1}", "]}}");
    } else if (!strcmp(LIE, "pages")) {
      ANSWER(OPENED("4294967295"));
      pause();
    } else {
      ANSWER(OPENED("1"));
      hear();
      if (!strcmp(LIE, "images")) {
        answer_many("{\"Inspected\":{\"images\":[", "[0,0,0,0]", "]}}");
      } else {
        ANSWER(SEEN(""));
        hear();
        if (!strcmp(LIE, "lines")) {
          answer_many("{\"Rendered\":{\"text_layer\":{\"lines\":[", LINE, "]}}}");
        } else if (!strcmp(LIE, "formulas")) {
          answer_many(RENDERED(LINE), "{\"line\":0,\"number\":1,\"latex\":\"x\"}", "],\"glyphs\":[]},\"cut\":null}}");
        } else if (!strcmp(LIE, "glyphs")) {
          answer_many(RENDERED("") "],\"glyphs\":[", "[0,0,0,0]", "]},\"cut\":null}}");
        }
      }
    }
  }
  pause();
  return 0;
}

"""Sends documents to `recto serve` and writes their Markdown beside them. Needs nothing but Python.

    python3 examples/service.py http://127.0.0.1:8080 letter.pdf scan.png
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

service, *documents = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {os.environ.get('RECTO_API_KEY', 'none')}", "Content-Type": "application/octet-stream"}


def ask(path, body=None):
    return urllib.request.urlopen(urllib.request.Request(service + path, body, HEADERS))


for document in documents:
    with open(document, "rb") as file:
        name = urllib.parse.quote(os.path.basename(document))
        try:
            answer = ask(f"/v1/documents?name={name}", file.read())
            while answer.status == 202:  # not read yet: `Location` is the job
                job = answer.headers["Location"]
                while json.load(ask(job))["state"] in ("waiting", "reading"):
                    time.sleep(1)
                answer = ask(f"{job}/result")
        except urllib.error.HTTPError as error:
            print(f"{document}: {json.load(error)['detail']}", file=sys.stderr)
            continue
    with open(document + ".md", "wb") as markdown:
        markdown.write(answer.read())
    print(f"{document}.md")

"""Write expected/eval.json: what nltk computes for pairs of texts, the way GOT's evaluation calls it.

GOT's eval_ocr.py passes (label, answer) to a function that takes (pred, gt): the reference is judged against the prediction. That
is kept. METEOR is computed with an empty WordNet (no synonyms), because its data is not part of Recto.
"""

import json
import random
import re
import warnings
from pathlib import Path

import jieba
from nltk.metrics import distance, f_measure, precision, recall
from nltk.stem.porter import PorterStemmer
from nltk.translate.bleu_score import sentence_bleu
from nltk.translate.meteor_score import meteor_score


class NoWordNet:
    def synsets(self, word):
        return []


def measures(reference, prediction):
    if not reference or not prediction:
        return None
    chinese = re.search("[\u4e00-\u9fa5]", reference + prediction)
    cut = jieba.lcut if chinese else str.split
    judged_by, judged = cut(prediction), cut(reference)
    values = {
        "bleu": sentence_bleu([judged_by], judged),
        "meteor": meteor_score([judged_by], judged, wordnet=NoWordNet()),
    }
    judged_by, judged = set(judged_by), set(judged)
    if not judged_by or not judged:
        return None
    values["f_measure"] = f_measure(judged_by, judged)
    values["precision"] = precision(judged_by, judged)
    values["recall"] = recall(judged_by, judged)
    values["edit_dist"] = distance.edit_distance(reference, prediction) / max(len(reference), len(prediction))
    return values


LETTER = (
    "Dear Mrs. Aldous, the registers have come back from the binder in good order. Three of them were "
    "rebound in quarter leather; the others only needed new endpapers. I enclose his invoice for 14 pounds."
)
CHINESE = "图书馆的阅览室将于五月十一日至二十二日关闭，更换地板。已预约的文献将保留至五月二十九日。"


def noisy(text, share, seed):
    """The text with letters changed, left out, doubled and spaces lost."""
    draw = random.Random(seed)
    out = []
    for letter in text:
        if draw.random() >= share:
            out.append(letter)
            continue
        out.append(draw.choice([draw.choice("abcdefghijklmnopqrstuvwxyz"), "", letter + letter, " "]))
    return "".join(out)


def long_page(seed):
    draw = random.Random(seed)
    words = LETTER.split()
    return "\n".join(" ".join(draw.choice(words) for _ in range(12)) for _ in range(45))


def pairs():
    page = long_page(3)
    words = LETTER.split()
    yield "equal", LETTER, LETTER
    yield "empty prediction", LETTER, ""
    yield "empty reference", "", LETTER
    yield "both empty", "", ""
    yield "only white space read", LETTER, " \n\t "
    yield "one word", "Invoice", "Invoice"
    yield "one word misread", "Invoice", "lnvoice"
    yield "two words of three", "page twenty three", "page twenty"
    yield "three equal words", "page twenty three", "page twenty three"
    yield "repeated words", "the the the the cat sat", "the cat sat on the mat"
    yield "a loop", "a line that is read once", "a line that is read once " * 12
    yield "punctuation", "“Well,” he said, ‘no—not yet’ (see p. 3).", '"Well," he said, \'no - not yet\' (see p. 3) .'
    yield "case", "ANNUAL REPORT OF THE COUNCIL", "Annual report of the Council"
    yield "stems", "running flies were happily dying; relational hoping", "run fly was happy die; relate hope hopping"
    yield "reordered", LETTER, " ".join(words[len(words) // 2 :] + words[: len(words) // 2])
    yield "reversed", LETTER, " ".join(reversed(words))
    yield "nothing in common", "alpha beta gamma delta epsilon", "one two three four five"
    yield "half is missing", LETTER, LETTER[: len(LETTER) // 2]
    yield "few errors", LETTER, noisy(LETTER, 0.03, 1)
    yield "many errors", LETTER, noisy(LETTER, 0.25, 2)
    yield "long page", page, noisy(page, 0.02, 4)
    yield "formulas", r"Let \( x^{2} + y^{2} = r^{2} \) and \[ \int_0^1 f(x) dx \]", r"Let $x^2+y^2=r^2$ and \[ \int_{0}^{1} f(x) dx \]"
    yield "table", "Item Price\nPaper 4.20\nInk 11.00", "| Item | Price |\n| --- | --- |\n| Paper | 4.20 |\n| lnk | 11.00 |"
    yield "chinese", CHINESE, CHINESE
    yield "chinese misread", CHINESE, "图书馆的阅览室将于五月十一曰至二十二日关闭，更换地扳。预约的文献将保留至五月二十九日"
    yield "chinese and english", "他用 Python 3.11 写了一个 OCR 工具，准确率 98.5%。", "他用 Pyth0n 3.11 写了一个 0CR 工具, 准确率 98.5%。"
    yield "chinese against english", "目录", "Contents"
    yield "german", "Straße nach Köln, größer als je", "Strasse nach Koln, groBer als je"
    yield "python's white space", "one\x1ctwo\x1dthree\u2003four\u00a0five six", "one two three four five six"


STEMMED = """caresses ponies ties caress cats flies dies feed agreed plastered bled motoring sing conflated troubled sized
hopping tanned falling hissing fizzed failing filing happy sky skies enjoy spy spied died tried relational conditional rational
valenci hesitanci digitizer conformabli radicalli differentli vileli analogousli vietnamization predication operator feudalism
decisiveness hopefulness callousness formaliti sensitiviti sensibiliti triplicate formative formalize electriciti electrical
hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent
adoption homologou communism activate angulariti homologous effective bowdlerize probate rate cease controll roll dying lying
news innings proceed succeed biology geology archaeology apology mythologi logi hopefully beautifully generally usually really
yy syzygy toy by y oxen boxed taxes saying played employed keyed eyed owing used using being agreed. (motoring) o'clock's
naïve ÉTÉS running, 1980s abilities possibly singly bubbly gently wholly fully matted ated inging eed weed owed""".split()


def main():
    warnings.simplefilter("ignore")
    # nltk's guard against long texts from outside.
    distance.MAX_DISTANCE_INPUT_LEN = 10_000
    cases = [
        {"name": name, "reference": reference, "prediction": prediction, "measures": measures(reference, prediction)}
        for name, reference, prediction in pairs()
    ]
    stemmer = PorterStemmer()
    stems = {word.lower(): stemmer.stem(word) for word in STEMMED}
    text = json.dumps({"cases": cases, "stems": stems}, ensure_ascii=False, indent=1)
    Path("expected/eval.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

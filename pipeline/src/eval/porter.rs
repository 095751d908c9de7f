//! The stem of an English word, as METEOR compares words: Porter's algorithm (1980) with the changes that nltk makes
//! to it by default (`PorterStemmer.NLTK_EXTENSIONS`), so that scores are comparable with those of nltk.
//!
//! Written here because the crates that stem have Porter's second algorithm, or the first without nltk's changes.

/// Words whose stems the rules would get wrong.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// Endings and their replacements if the rest has a syllable, in the order in which they are tried.
const STEP_2: [(&str, &str); 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
];

/// The same, one step later.
const STEP_3: [(&str, &str); 7] = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

/// Endings that go if the rest has two syllables.
const STEP_4: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
];

/// The stem of a word in lower case.
pub(super) fn stem(word: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*stem).to_owned();
    }
    let letters: Vec<char> = word.chars().collect();
    if letters.len() <= 2 {
        return word.to_owned();
    }
    let mut word = WordStem(letters);
    word.plural();
    word.past();
    word.final_y();
    word.long_endings();
    word.replace_first(&STEP_3, |rest| rest.measure() > 0);
    word.drop_endings();
    word.final_e();
    word.double_l();
    word.0.into_iter().collect()
}

/// The letters of a word on its way to its stem.
struct WordStem(Vec<char>);

impl WordStem {
    /// Returns true if each letter is a consonant: any but a, e, i, o, u, and y after a consonant.
    fn consonants(&self) -> Vec<bool> {
        let mut flags: Vec<bool> = Vec::with_capacity(self.0.len());
        for &letter in &self.0 {
            flags.push(match letter {
                'a' | 'e' | 'i' | 'o' | 'u' => false,
                'y' => flags.last().is_none_or(|before| !before),
                _ => true,
            });
        }
        flags
    }

    /// Porter's m: how often a vowel is followed by a consonant.
    fn measure(&self) -> usize {
        let flags = self.consonants();
        flags.windows(2).filter(|pair| !pair[0] && pair[1]).count()
    }

    fn ends_with(&self, ending: &str) -> bool {
        let mut letters = self.0.iter().rev();
        ending.chars().rev().all(|c| letters.next() == Some(&c))
    }

    /// The stem before an ending that is there.
    fn before(&self, ending: &str) -> Self {
        let rest = self.0.len() - ending.chars().count();
        Self(self.0[..rest].to_vec())
    }

    fn with(mut self, ending: &str) -> Self {
        self.0.extend(ending.chars());
        self
    }

    fn ends_in_double_consonant(&self) -> bool {
        match self.0.as_slice() {
            [.., a, b] => a == b && self.consonants().last() == Some(&true),
            _ => false,
        }
    }

    /// Porter's *o: consonant, vowel, consonant other than w, x, y; here also vowel and consonant alone.
    fn ends_short(&self) -> bool {
        let flags = self.consonants();
        let last = self.0.last();
        match flags.as_slice() {
            [false, true] => true,
            [.., true, false, true] => !matches!(last, Some('w' | 'x' | 'y')),
            _ => false,
        }
    }

    /// The first ending of `rules` that is there is replaced, if `holds` of what is before it.
    fn replace_first(&mut self, rules: &[(&str, &str)], holds: impl Fn(&Self) -> bool) {
        if let Some((ending, other)) = rules.iter().find(|(ending, _)| self.ends_with(ending)) {
            let rest = self.before(ending);
            if holds(&rest) {
                *self = rest.with(other);
            }
        }
    }

    /// Step 1a.
    fn plural(&mut self) {
        if self.0.len() == 4 && self.ends_with("ies") {
            *self = self.before("s");
            return;
        }
        let rules = [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")];
        self.replace_first(&rules, |_| true);
    }

    /// Step 1b.
    fn past(&mut self) {
        if self.ends_with("ied") {
            let kept = if self.0.len() == 4 { "ie" } else { "i" };
            *self = self.before("ied").with(kept);
            return;
        }
        if self.ends_with("eed") {
            self.replace_first(&[("eed", "ee")], |rest| rest.measure() > 0);
            return;
        }
        let rest = ["ed", "ing"].into_iter().find_map(|ending| {
            let rest = self.ends_with(ending).then(|| self.before(ending))?;
            rest.consonants().contains(&false).then_some(rest)
        });
        if let Some(rest) = rest {
            *self = rest.mended();
        }
    }

    /// Makes a word again of the rest after `ed` or `ing`.
    fn mended(mut self) -> Self {
        if ["at", "bl", "iz"].iter().any(|end| self.ends_with(end)) {
            return self.with("e");
        }
        if self.ends_in_double_consonant() {
            if !matches!(self.0.last(), Some('l' | 's' | 'z')) {
                self.0.pop();
            }
            return self;
        }
        match self.measure() == 1 && self.ends_short() {
            true => self.with("e"),
            false => self,
        }
    }

    /// Step 1c: y after a consonant that is not the first letter.
    fn final_y(&mut self) {
        let holds = |rest: &Self| rest.0.len() > 1 && rest.consonants().last() == Some(&true);
        self.replace_first(&[("y", "i")], holds);
    }

    /// Step 2.
    fn long_endings(&mut self) {
        if self.ends_with("alli") && self.before("alli").measure() > 0 {
            *self = self.before("li");
        }
        // Of `logi`, what is before it counts with its l.
        if self.ends_with("logi") {
            if self.before("ogi").measure() > 0 {
                *self = self.before("i");
            }
            return;
        }
        self.replace_first(&STEP_2, |rest| rest.measure() > 0);
    }

    /// Step 4.
    fn drop_endings(&mut self) {
        let Some(ending) = STEP_4.iter().find(|ending| self.ends_with(ending)) else {
            return;
        };
        let rest = self.before(ending);
        let allowed = *ending != "ion" || matches!(rest.0.last(), Some('s' | 't'));
        if rest.measure() > 1 && allowed {
            *self = rest;
        }
    }

    /// Step 5a.
    fn final_e(&mut self) {
        let holds = |rest: &Self| match rest.measure() {
            0 => false,
            1 => !rest.ends_short(),
            _ => true,
        };
        self.replace_first(&[("e", "")], holds);
    }

    /// Step 5b.
    fn double_l(&mut self) {
        if self.ends_with("ll") && self.before("l").measure() > 1 {
            self.0.pop();
        }
    }
}

"""Compiled text models: every kind of vectorizer and last step, on texts that the comparison at load has not seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.svm import LinearSVC, LinearSVR

from modelyard.errors import InvalidRequest
from modelyard.runtimes.sklearn.compiled import character_trie, counts
from modelyard.runtimes.sklearn.compiled.gate import same
from tests.unit.runtimes.customers import load

WORDS = (
    *("the", "cat", "sat", "on", "a", "mat", "Straße", "naïve", "don't", "e-mail", "café", "42", "3.14", "数学"),
    *("good", "bad", "very", "not", "ok", "of", "and", "in", "by", "l'été"),
)
RANDOM = np.random.default_rng(7)
TEXTS = [" ".join(RANDOM.choice(WORDS, size=size)) for size in RANDOM.integers(1, 30, size=120)]
THREE = np.array(["low", "mid", "top"])[np.arange(120) % 3]
NUMBERS = np.arange(120) % 7 * 1.5


def unseen() -> Iterator[str]:
    """Texts of words, of characters from all of Unicode, and of white space."""
    random = np.random.default_rng(11)
    spaces = " \t\n\r\x0b\x0c\x1c\x85\xa0\u2003\u2028\u3000"
    yield from ("", " ", "\n", "ß", "İ", "ﬁ", "cafe\u0301", "Å", "a" * 3000, "cat " * 500)
    for size in random.integers(1, 40, size=60):
        yield "".join(str(word) + spaces[random.integers(len(spaces))] for word in random.choice(WORDS, size=size))
        codes = [code for code in random.integers(1, 0x11000, size=size) if not 0xD800 <= code < 0xE000]
        yield "".join(map(chr, codes))
        yield "".join(random.choice([*"aAbB .,'-_\u0301ß1"], size=size))
        yield " ".join(str(word).upper() for word in random.choice(WORDS, size=size))


UNSEEN = [*unseen()]
VECTORIZERS: dict[str, Any] = {
    "counts": CountVectorizer(),
    "binary counts": CountVectorizer(binary=True),
    "counts in single precision": CountVectorizer(dtype=np.float32),
    "counts of a given vocabulary": CountVectorizer(vocabulary={"cat": 1, "mat": 0, "the cat": 2}, ngram_range=(1, 2)),
    "limited counts": CountVectorizer(max_features=9),
    "TF-IDF": TfidfVectorizer(),
    "pairs and triples of words": TfidfVectorizer(ngram_range=(2, 3)),
    "words and pairs without stop words": TfidfVectorizer(ngram_range=(1, 2), stop_words="english"),
    "words with upper case": TfidfVectorizer(lowercase=False),
    "words without accents": TfidfVectorizer(strip_accents="unicode"),
    "words in ASCII": TfidfVectorizer(strip_accents="ascii", lowercase=False),
    "all that is not white space": TfidfVectorizer(token_pattern=r"\S+"),
    "the ends of words": TfidfVectorizer(token_pattern=r"\w*(\w\w)\b"),
    "logarithms without a norm": TfidfVectorizer(sublinear_tf=True, norm=None),
    "frequencies": TfidfVectorizer(use_idf=False, norm="l1"),
    "TF-IDF in single precision": TfidfVectorizer(dtype=np.float32),
    "characters": TfidfVectorizer(analyzer="char", ngram_range=(1, 3)),
    "long runs of characters": TfidfVectorizer(analyzer="char", ngram_range=(3, 5), lowercase=False),
    "characters inside words": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 6)),
    "single characters inside words": CountVectorizer(analyzer="char_wb", ngram_range=(1, 1)),
    "hashes": HashingVectorizer(n_features=50),
    "hashes without signs": HashingVectorizer(n_features=2**10, alternate_sign=False, norm=None, binary=True),
    "hashes of characters": HashingVectorizer(n_features=64, analyzer="char", ngram_range=(1, 2), norm="l1"),
    "hashes of characters inside words": HashingVectorizer(n_features=64, analyzer="char_wb", ngram_range=(2, 3)),
    "two steps": make_pipeline(CountVectorizer(), TfidfTransformer(sublinear_tf=True)),
    "hashes and two weights": make_pipeline(HashingVectorizer(n_features=64), TfidfTransformer(), TfidfTransformer()),
    "a union": make_union(CountVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(1, 2))),
    "a union with weights": FeatureUnion(
        [("words", CountVectorizer()), ("hashes", HashingVectorizer(n_features=8)), ("none", "drop")],
        transformer_weights={"words": 0.3},
    ),
}
CLASSIFIERS: dict[str, Any] = {
    "logistic regression": LogisticRegression(),
    "logistic regression by liblinear": LogisticRegression(solver="liblinear"),
    "support vectors": LinearSVC(),
    "gradient descent": SGDClassifier(random_state=0),
    "gradient descent with probabilities": SGDClassifier(loss="log_loss", random_state=0),
    "a perceptron": Perceptron(),
    "multinomial naive Bayes": MultinomialNB(),
    "complement naive Bayes": ComplementNB(),
    "naive Bayes of presence": BernoulliNB(),
    "naive Bayes above a threshold": BernoulliNB(binarize=0.3),
}
REGRESSORS: dict[str, Any] = {
    "linear regression": LinearRegression(),
    "ridge regression": Ridge(),
    "support vector regression": LinearSVR(),
    "gradient descent": SGDRegressor(random_state=0),
}


def requests() -> list[dict[str, Any]]:
    together = np.array(UNSEEN, object)
    return [{"text": together}, *({"text": together[row : row + 1]} for row in range(0, len(UNSEEN), 6))]


def assert_same_bits(model: Any, estimator: Any, methods: dict[str, str]) -> None:
    for inputs in requests():
        outputs = model.predict(inputs, (*methods,))
        for name, method in methods.items():
            expected = np.asarray(getattr(estimator, method)(inputs["text"]))
            assert same(expected.astype(object) if expected.dtype.kind == "U" else expected, outputs[name])


@pytest.mark.parametrize("name", VECTORIZERS)
def test_a_compiled_vectorizer_serves_scikit_learns_own_features_and_probabilities(name: str) -> None:
    estimator = make_pipeline(VECTORIZERS[name], LogisticRegression(max_iter=2000)).fit(TEXTS, THREE)
    model: Any = load(estimator)
    assert model.notes == ()
    assert len(model.compiled) == 2
    assert_same_bits(model, estimator, {"label": "predict"})
    got = [model.predict(inputs, ("scores",))["scores"] for inputs in requests()]
    expected = [estimator.predict_proba(inputs["text"]).astype(np.float64) for inputs in requests()]
    assert all(map(same, expected, got))


@pytest.mark.parametrize(
    ("name", "classes"),
    # scikit-learn trains liblinear for two classes only.
    [(name, classes) for name in CLASSIFIERS for classes in (2, 3) if "liblinear" not in name or classes == 2],
)
def test_a_compiled_classifier_of_text_serves_scikit_learns_own_outputs(name: str, classes: int) -> None:
    target = np.where(THREE == "low", "low", "rest") if classes == 2 else THREE
    estimator = make_pipeline(TfidfVectorizer(), CLASSIFIERS[name])
    model: Any = load(estimator.fit(TEXTS, target))
    assert model.notes == ()
    assert model.compiled == ("TfidfVectorizer", type(CLASSIFIERS[name]).__name__)
    methods = {"label": "predict", **({"scores": "predict_proba"} if model.signature.scores else {})}
    assert bool(model.signature.scores) == hasattr(estimator, "predict_proba")
    assert_same_bits(model, estimator, methods)


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_compiled_regressor_of_text_serves_scikit_learns_own_values(name: str) -> None:
    estimator = make_pipeline(CountVectorizer(), REGRESSORS[name]).fit(TEXTS, NUMBERS)
    model: Any = load(estimator)
    assert model.notes == ()
    assert model.compiled == ("CountVectorizer", type(REGRESSORS[name]).__name__)
    assert_same_bits(model, estimator, {"value": "predict"})


def test_a_compiled_vectorizer_before_other_steps_returns_a_matrix() -> None:
    for estimator in (
        make_pipeline(TfidfVectorizer(), RandomForestClassifier(3, random_state=0)),
        make_pipeline(TfidfVectorizer(), RidgeClassifier()),
        make_pipeline(TfidfVectorizer(), SelectKBest(k=5), LogisticRegression()),
    ):
        model: Any = load(estimator.fit(TEXTS, THREE))
        assert model.compiled == ("TfidfVectorizer",)
        methods = {"label": "predict", "scores": "predict_proba"}
        assert_same_bits(model, estimator, {output.name: methods[output.name] for output in model.signature.outputs})


def test_probabilities_that_are_not_supported_leave_the_vectorizer_compiled_and_say_why() -> None:
    estimator = make_pipeline(TfidfVectorizer(), SGDClassifier(loss="modified_huber", random_state=0)).fit(TEXTS, THREE)
    model: Any = load(estimator)
    assert model.compiled == ("TfidfVectorizer",)
    assert model.notes == ("SGDClassifier is not compiled: probabilities of the loss modified_huber are not supported",)
    assert_same_bits(model, estimator, {"label": "predict", "scores": "predict_proba"})


@pytest.mark.parametrize(
    "vectorizer",
    [CountVectorizer(), HashingVectorizer(n_features=64, analyzer="char")],
    ids=lambda each: type(each).__name__,
)
def test_a_lone_surrogate_is_accepted_or_rejected_as_by_scikit_learn(vectorizer: Any) -> None:
    estimator = make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, THREE)
    model: Any = load(estimator)
    inputs = {"text": np.array(["the \ud800 cat"], object)}
    assert model.notes == ()
    if type(vectorizer) is CountVectorizer:
        assert model.predict(inputs, ("label",))["label"] == estimator.predict(inputs["text"])
    else:
        with pytest.raises(InvalidRequest):
            model.predict(inputs, ("label",))


def wrong_lowering(vectorizer: Any) -> Any:
    own = vectorizer.build_analyzer()
    return lambda text: own(text.casefold())


def wrong_order(vectorizer: Any) -> Any:
    own = vectorizer.build_analyzer()
    return lambda text: [*own(text)][1:] if "mat" in text else own(text)


@pytest.mark.parametrize("wrong", [wrong_lowering, wrong_order])
def test_a_vectorizer_that_is_compiled_wrongly_is_refused_and_the_model_serves_the_right_answers(
    wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "analyzer", wrong)
    estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, THREE)
    model: Any = load(estimator)
    assert model.compiled == ()
    (note,) = model.notes
    assert note.startswith("TfidfVectorizer is not compiled: its features of the text ")
    assert_same_bits(model, estimator, {"label": "predict"})


def test_more_words_than_are_remembered_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MAX_WORDS", 7)
    estimator = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3)), LogisticRegression(max_iter=2000)
    )
    model: Any = load(estimator.fit(TEXTS, THREE))
    assert len(model.compiled) == 2
    assert_same_bits(model, estimator, {"label": "predict"})


def test_a_trie_that_would_be_too_large_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(character_trie, "MAX_BYTES", 100)
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    estimator = make_pipeline(vectorizer, LogisticRegression(max_iter=2000))
    model: Any = load(estimator.fit(TEXTS, THREE))
    with pytest.raises(OverflowError):
        character_trie.CharacterTrie(vectorizer.vocabulary_, 1, 3)
    assert len(model.compiled) == 2
    assert_same_bits(model, estimator, {"label": "predict"})


def test_a_trie_finds_the_runs_of_each_text_and_none_across_two() -> None:
    trie = character_trie.CharacterTrie({"ab": 0, "b": 1, "abc": 2, "x\U0001f600": 3, "abcd": 4}, 1, 3)
    indices, texts = trie.find(["abc", "", "a", "bab", "x\U0001f600\U0001f601", "\x00abcd"])
    found = sorted(zip(texts.tolist(), indices.tolist(), strict=True))
    assert found == [(0, 0), (0, 1), (0, 2), (3, 0), (3, 1), (3, 1), (4, 3), (5, 0), (5, 1), (5, 2)]
    assert [each.tolist() for each in trie.find([""])] == [[], []]


def test_remembered_words_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MAX_WORDS", 3)
    codes = counts.WordCodes(str.encode)
    sizes = [(codes[word], len(codes)) for word in "abcabde"]
    assert sizes == [(b"a", 1), (b"b", 2), (b"c", 3), (b"a", 3), (b"b", 3), (b"d", 1), (b"e", 2)]

"""The kit for scikit-learn: a pipeline of three steps with lineage, and the estimator as scikit-learn checks it."""

import pickle
import sys

import pytest

pytest.importorskip("sklearn")

import numpy
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from seedbed.api_data import hash_of_data
from seedbed.client import SeedbedError
from seedbed.lineage import LineageBuilder, ResourceRef
from seedbed.scikit_learn import (
    BinaryClassificationMetrics,
    LineagePredictor,
    Metrics,
    RegressionMetrics,
    load_dataset_from_resource,
    train_and_predict_with_cv,
)
from seedbed.workspace import get_results, make_lineage_table, take_snapshot


@pytest.fixture
def digits(workspace, monkeypatch):
    """Handwritten digits in the resource `data`, and a program that is no script."""
    monkeypatch.setattr(sys, "argv", ["pytest"])
    bunch = load_digits()
    directory = workspace.root / "data" / "digits"
    directory.mkdir(parents=True)
    numpy.savetxt(directory / "data.csv.gz", bunch.data, delimiter=",")
    numpy.save(directory / "target.npy", bunch.target)
    (directory / "target_names.csv").write_text("names\n" + "\n".join(f"digit {one}" for one in bunch.target_names))
    (directory / "DESCR.rst").write_text("Digits")
    return workspace


def test_a_data_set_is_loaded(digits):
    found = load_dataset_from_resource("data", "digits")
    assert found.data.shape == (1797, 64) and found.target.shape == (1797,)
    assert (found.DESCR, found.target_names[3], found.resource) == ("Digits", "digit 3", ResourceRef("data", "digits"))
    with pytest.raises(SeedbedError, match="has no data and no target"):
        load_dataset_from_resource("code")
    with pytest.raises(SeedbedError, match="is no directory"):
        load_dataset_from_resource("data", "letters")


def test_three_steps_have_one_lineage(digits):
    (digits.root / "clean").mkdir()
    digits("add", "local-files", "--role", "intermediate-data", "--name", "clean", "clean")
    with LineageBuilder().with_step_name("scale").with_input_path("data/digits").eval() as lineage:
        found = load_dataset_from_resource("data", "digits")
        lineage.add_output_path("clean")
        numpy.save(digits.root / "clean/data.npy", StandardScaler().fit_transform(found.data))
        numpy.save(digits.root / "clean/target.npy", found.target)
    found = load_dataset_from_resource("clean")
    split = train_test_split(found.data, found.target, test_size=0.5, random_state=1)
    model = LineagePredictor(
        SVC(gamma=0.01),
        "multiclass_classification",
        input_resource=found.resource,
        results_resource="results/svm",
        model_save_file="model/digits.joblib",
        step_name="train",
    )
    (digits.root / "results/svm").mkdir()
    score = model.fit(split[0], split[2]).score(split[1], split[3])
    assert score > 0.9
    with LineageBuilder().with_step_name("report").with_input_path("results/svm").eval() as lineage:
        lineage.add_output_path("results/report.txt")
        digits.write("results/report.txt", f"{score}\n")
    rows = {row.ref: row for row in make_lineage_table() if row.inputs is not None}
    assert rows["clean"].inputs == ["data:digits"]
    assert rows["results:svm"].inputs == ["clean"]
    assert "gamma=0.01" in rows["results:svm"].details
    assert rows["results:report.txt"].inputs == ["results:svm"]
    assert (digits.root / "results/svm/model/digits.joblib").is_file()
    results = get_results(resource_name="results") or get_results()
    assert take_snapshot(tag="v1")
    assert results is None or results["metrics"]["accuracy"] == score


def test_a_fit_that_fails_fails_the_step(digits):
    model = LineagePredictor(SVC(C=-1), step_name="train")
    with pytest.raises(ValueError):
        model.fit([[1.0], [2.0]], [0, 1])
    assert [(record["step"], record["status"]) for record in digits.records()] == [("train", "failed")]


def test_an_estimator_with_an_open_step_can_be_copied(digits):
    found = load_iris()
    model = LineagePredictor(LogisticRegression(max_iter=500), step_name="train").fit(found.data, found.target)
    copy = pickle.loads(pickle.dumps(model))
    assert numpy.array_equal(copy.predict(found.data), model.predict(found.data))
    # Each fold is an execution; those that are scored are complete.
    scores = cross_val_score(LineagePredictor(LogisticRegression(max_iter=500), step_name="folds"), found.data, found.target, cv=3)
    assert min(scores) > 0.9


@pytest.mark.parametrize("predictor", [LogisticRegression(), LinearRegression(), DecisionTreeClassifier(random_state=0)], ids=lambda one: type(one).__name__)
def test_scikit_learn_finds_nothing_wrong(predictor):
    check_estimator(LineagePredictor(predictor, record=False))


def test_it_stands_in_a_pipeline_without_a_workspace():
    found = load_iris()
    pipeline = make_pipeline(StandardScaler(), LineagePredictor(SVC(probability=False), record=False))
    assert pipeline.fit(found.data, found.target).score(found.data, found.target) > 0.9
    assert not hasattr(LineagePredictor(SVC(), record=False), "transform")


def test_metrics(capsys):
    binary = BinaryClassificationMetrics(["no", "yes", "yes", "no"], ["no", "yes", "no", "no"])
    assert binary.to_dict() == {"accuracy": 0.75, "precision": 1.0, "recall": 0.5, "roc_auc_score": 0.75}
    binary.print_metrics()
    assert capsys.readouterr().out.splitlines()[0] == "accuracy: 0.75"
    with pytest.raises(ValueError, match="there are 3 classes"):
        BinaryClassificationMetrics([0, 1, 2], [0, 1, 2]).to_dict()
    assert RegressionMetrics([1.0, 2.0], [1.0, 2.0]).score() == 1.0
    with pytest.raises(NotImplementedError):
        Metrics([], []).score()


def test_a_search_is_a_step_with_its_final_test(digits, capsys):
    found = load_dataset_from_resource("data", "digits")
    small = type(found)(data=found.data[:400], target=found.target[:400], resource=found.resource)
    metrics = train_and_predict_with_cv(
        SVC, {"gamma": [0.01, 0.001]}, small, "results", folds=2, model_name="svm", random_state=7, step_name="search"
    )
    assert metrics["accuracy"] > 0.8 and "best parameters" in capsys.readouterr().out
    made = digits.made("results")
    assert made["step"] == "search" and made["parameters"]["gamma"] == 0.001
    assert get_results()["metrics"]["accuracy"] == metrics["accuracy"]
    assert (digits.root / "results/svm.pkl").is_file()


def test_the_hash_of_data_is_that_of_its_values():
    pandas = pytest.importorskip("pandas")
    array = numpy.arange(6).reshape(2, 3)
    assert hash_of_data(array) == hash_of_data(array.copy(order="F"))
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    different = [
        array,
        array.reshape(3, 2),
        array.astype(float),
        table,
        table.rename(columns={"a": "c"}),
        table["a"],
        {"a": [1, 2]},
        [1, 2],
        [[1], 2],
        b"12",
        "12",
    ]
    assert len({hash_of_data(one) for one in different}) == len(different)
    with pytest.raises(TypeError, match="has no hash"):
        hash_of_data(object())

"""scikit-learn with lineage: data sets from resources, an estimator that records what it does, metrics, and a search with a final test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    mean_squared_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from seedbed.api_data import record_api_data
from seedbed.client import SeedbedError
from seedbed.lineage import Lineage, LineageBuilder, ResourceRef, ResultsLineage
from seedbed.workspace import find_resource, local_path

__all__ = [
    "BinaryClassificationMetrics",
    "LineagePredictor",
    "Metrics",
    "MulticlassClassificationMetrics",
    "RegressionMetrics",
    "load_dataset_from_resource",
    "train_and_predict_with_cv",
]

#: Endings of files that a data set can have, the longest first.
TEXTS = (".txt", ".rst", ".md")
TABLES = (".csv.gz", ".csv.bz2", ".csv")


def load_dataset_from_resource(
    resource_name: str, subpath: str | None = None, workspace_dir: str | os.PathLike[str] | None = None
) -> Bunch:
    """Loads a data set: each file ``NAME.ENDING`` of the directory becomes the attribute ``NAME``.

    ``data`` (samples × features) and ``target`` (samples) must be there; ``DESCR``, ``feature_names``, ``target_names`` and any other may be.
    Endings are ``.npy``, ``.csv`` (also ``.csv.gz`` and ``.csv.bz2``; tables of numbers without titles, else with a line of titles, which needs
    pandas), and ``.txt``, ``.rst`` and ``.md`` for texts. ``resource`` is the reference for lineage.
    """
    ref = ResourceRef(resource_name, subpath)
    directory = local_path(ref, workspace_dir)
    if not directory.is_dir():
        raise SeedbedError(f"`{ref}` is no directory", kind="dataset")
    found: dict[str, Any] = {"resource": ref}
    for path in sorted(directory.iterdir()):
        name, value = _attribute(path)
        if name is not None:
            found[name] = value
    missing = [name for name in ("data", "target") if name not in found]
    if missing:
        raise SeedbedError(
            f"the data set in `{ref}` has no {' and no '.join(missing)}",
            kind="dataset",
            help=f"write `{missing[0]}.csv` or `{missing[0]}.npy` into {directory}",
        )
    return Bunch(**found)


def _attribute(path: Path) -> tuple[str | None, Any]:
    for ending in (*TEXTS, *TABLES, ".npy"):
        if path.name.endswith(ending) and path.is_file():
            name = path.name.removesuffix(ending)
            if ending in TEXTS:
                return name, path.read_text(encoding="utf-8")
            if ending == ".npy":
                # Objects in such a file could be any code.
                return name, numpy.load(path, allow_pickle=False)
            return name, _table(path)
    return None, None


def _table(path: Path) -> Any:
    try:
        return numpy.loadtxt(path, delimiter=",")
    except ValueError:
        import pandas

        values = pandas.read_csv(path).to_numpy()
        return values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values


class Metrics:
    """Metrics of predictions, in a form that ``results.json`` has."""

    #: The metric that is the score.
    main = ""

    def __init__(self, expected: Any, predicted: Any, sample_weight: Any = None):
        self.expected = expected
        self.predicted = predicted
        self.sample_weight = sample_weight

    def to_dict(self) -> dict[str, Any]:
        """Gives the metrics by their names."""
        raise NotImplementedError

    def score(self) -> float:
        """Gives the one metric by which models are compared."""
        return float(self.to_dict()[self.main])

    def print_metrics(self, file: TextIO | None = None) -> None:
        """Prints them, a line each."""
        target = sys.stdout if file is None else file
        for name, value in self.to_dict().items():
            print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}", file=target)


class BinaryClassificationMetrics(Metrics):
    """Accuracy, precision, recall and the area under the ROC curve, of two classes; the greater one is the positive."""

    main = "accuracy"

    def to_dict(self) -> dict[str, Any]:
        classes = numpy.unique(numpy.concatenate([numpy.ravel(self.expected), numpy.ravel(self.predicted)]))
        if len(classes) > 2:
            raise ValueError(f"there are {len(classes)} classes, and these metrics are of two")
        positive = classes[-1]
        options = {"pos_label": positive, "sample_weight": self.sample_weight, "zero_division": 0}
        found = {
            "accuracy": float(accuracy_score(self.expected, self.predicted, sample_weight=self.sample_weight)),
            "precision": float(precision_score(self.expected, self.predicted, **options)),
            "recall": float(recall_score(self.expected, self.predicted, **options)),
        }
        expected, predicted = (numpy.ravel(values) == positive for values in (self.expected, self.predicted))
        # With one class there is no curve.
        if len(numpy.unique(expected)) == 2:
            found["roc_auc_score"] = float(roc_auc_score(expected, predicted, sample_weight=self.sample_weight))
        return found


class MulticlassClassificationMetrics(Metrics):
    """Accuracy, and a report for each class."""

    main = "accuracy"

    def to_dict(self) -> dict[str, Any]:
        return {
            "accuracy": float(accuracy_score(self.expected, self.predicted, sample_weight=self.sample_weight)),
            "classification_report": classification_report(
                self.expected,
                self.predicted,
                sample_weight=self.sample_weight,
                output_dict=True,
                zero_division=0,
            ),
        }

    def print_metrics(self, file: TextIO | None = None) -> None:
        target = sys.stdout if file is None else file
        print(f"accuracy: {self.score():.4g}", file=target)
        report = classification_report(
            self.expected, self.predicted, sample_weight=self.sample_weight, zero_division=0
        )
        print(report, file=target)


class RegressionMetrics(Metrics):
    """The coefficient of determination, and the mean squared error."""

    main = "r2_score"

    def to_dict(self) -> dict[str, Any]:
        return {
            "r2_score": float(r2_score(self.expected, self.predicted, sample_weight=self.sample_weight)),
            "mean_squared_error": float(
                mean_squared_error(self.expected, self.predicted, sample_weight=self.sample_weight)
            ),
        }


METRICS: Mapping[str, type[Metrics]] = {
    "binary_classification": BinaryClassificationMetrics,
    "multiclass_classification": MulticlassClassificationMetrics,
    "regression": RegressionMetrics,
}


def _predictor_has(name: str) -> Any:
    def check(self: LineagePredictor) -> bool:
        return hasattr(getattr(self, "predictor_", self.predictor), name)

    return check


class LineagePredictor(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that does what another one does, and records the lineage of that.

    :meth:`fit` begins a step with the parameters of the predictor, the input and the code; the first :meth:`score` after it writes the metrics to
    ``results.json`` and completes the step. A step that was not scored is aborted by the next :meth:`fit`, or at the end of the program.

    ``predictor``
        any classifier or regressor; it is cloned by :meth:`fit`, and the fitted one is ``predictor_``.
    ``metrics``
        ``binary_classification``, ``multiclass_classification``, ``regression``, or a subclass of :class:`Metrics`; by default what fits the predictor.
    ``input_resource``
        where the data is from: the name of a resource, a path in it, or a ``ResourceRef``; by default the only resource of the role source-data.
    ``results_resource``
        where ``results.json`` is written; by default the only resource of the role results.
    ``model_save_file``
        a path in there at which the fitted predictor is saved with joblib.
    ``step_name``
        by default the name of the script or the notebook.
    ``record``
        with ``False`` nothing is recorded, and no workspace is needed.
    """

    def __init__(
        self,
        predictor: Any = None,
        metrics: str | type[Metrics] | None = None,
        input_resource: str | ResourceRef | None = None,
        results_resource: str | ResourceRef | None = None,
        model_save_file: str | None = None,
        workspace_dir: str | os.PathLike[str] | None = None,
        verbose: bool = False,
        *,
        step_name: str | None = None,
        run_description: str | None = None,
        record: bool = True,
    ):
        self.predictor = predictor
        self.metrics = metrics
        self.input_resource = input_resource
        self.results_resource = results_resource
        self.model_save_file = model_save_file
        self.workspace_dir = workspace_dir
        self.verbose = verbose
        self.step_name = step_name
        self.run_description = run_description
        self.record = record

    def fit(self, X: Any, y: Any, **fit_params: Any) -> LineagePredictor:
        """Begins the step and fits the predictor; a failure of either fails the step."""
        lineage = self._begin(X, y) if self.record else None
        try:
            self.predictor_ = clone(self.predictor).fit(X, y, **fit_params)
            if lineage is not None and self.model_save_file is not None:
                self._save(lineage)
        except BaseException as error:
            if lineage is not None:
                lineage.__exit__(type(error), error, error.__traceback__)
            raise
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.predictor_, name):
                setattr(self, name, getattr(self.predictor_, name))
        return self

    def predict(self, X: Any) -> Any:
        """Predicts as the predictor does."""
        check_is_fitted(self, "predictor_")
        return self.predictor_.predict(X)

    @available_if(_predictor_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Gives the probabilities of classes, if the predictor does."""
        check_is_fitted(self, "predictor_")
        return self.predictor_.predict_proba(X)

    @available_if(_predictor_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Any:
        """Gives the confidence in classes, if the predictor does."""
        check_is_fitted(self, "predictor_")
        return self.predictor_.decision_function(X)

    @available_if(_predictor_has("transform"))  # type: ignore[untyped-decorator]
    def transform(self, X: Any) -> Any:
        """Transforms, if the predictor does."""
        check_is_fitted(self, "predictor_")
        return self.predictor_.transform(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Scores the predictor; after a fit the metrics are written, and the step is complete."""
        check_is_fitted(self, "predictor_")
        metrics = self._metrics()(y, self.predict(X), sample_weight)
        lineage: ResultsLineage | None = self.__dict__.get("_lineage")
        if lineage is not None and lineage.status == "running":
            with lineage:
                lineage.write_results(metrics.to_dict())
        if self.verbose:
            metrics.print_metrics(sys.stderr)
        return metrics.score()

    def _metrics(self) -> type[Metrics]:
        if self.metrics is None:
            if not is_classifier(self.predictor_):
                return RegressionMetrics
            two = len(getattr(self.predictor_, "classes_", ())) == 2
            return BinaryClassificationMetrics if two else MulticlassClassificationMetrics
        if isinstance(self.metrics, type) and issubclass(self.metrics, Metrics):
            return self.metrics
        if self.metrics not in METRICS:
            raise ValueError(f"metrics are {', '.join(METRICS)} or a subclass of Metrics, not {self.metrics!r}")
        return METRICS[str(self.metrics)]

    def _begin(self, X: Any, y: Any) -> Lineage:
        before: ResultsLineage | None = self.__dict__.get("_lineage")
        if before is not None and before.status == "running":
            before.abort("it was fitted again before it was scored")
        given = find_resource("source-data", self.input_resource, self.workspace_dir)
        results = find_resource("results", self.results_resource, self.workspace_dir)
        record_api_data(given, X, y, workspace_dir=self.workspace_dir)
        self._results_dir = local_path(results, self.workspace_dir)
        builder = _builder(self.step_name, self.workspace_dir)
        parameters = {"predictor": type(self.predictor).__name__, **self.predictor.get_params(deep=True)}
        builder.with_parameters({name: _simple(value) for name, value in parameters.items()})
        builder.with_input_ref(given).as_results_step(self._results_dir, self.run_description)
        lineage = builder.eval()
        self._lineage = lineage
        return lineage

    def _save(self, lineage: Lineage) -> None:
        import joblib

        target = Path(self._results_dir) / str(self.model_save_file)
        if not target.resolve().is_relative_to(Path(self._results_dir).resolve()):
            raise ValueError(f"`model_save_file` is a path in the results resource, not {self.model_save_file}")
        target.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(self.predictor_, target)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        # A step is of this process.
        state.pop("_lineage", None)
        return state

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        if self.predictor is not None:
            of = get_tags(self.predictor)
            for part in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags", "input_tags", "non_deterministic"):
                setattr(tags, part, getattr(of, part))
        return tags

    @property
    def __sklearn_is_fitted__(self) -> Any:
        return lambda: hasattr(self, "predictor_")


def _simple(value: Any) -> Any:
    """Gives a parameter of an estimator as lineage has it; estimators in estimators have theirs beside them."""
    return value if isinstance(value, (bool, int, float, str, list, tuple, dict, type(None))) else str(value)


def _builder(step_name: str | None, workspace_dir: str | os.PathLike[str] | None) -> LineageBuilder:
    """Makes the builder that fits where this runs: a notebook, a script, or neither."""
    builder: LineageBuilder | None = None
    if "IPython" in sys.modules:
        from seedbed.jupyter import NotebookLineageBuilder, is_notebook

        if is_notebook():
            builder = NotebookLineageBuilder(step_name=step_name)
    if builder is None:
        builder = LineageBuilder()
        # Under a test runner or in an interpreter the script is not the step.
        if step_name is None or Path(sys.argv[0]).suffix == ".py":
            builder.as_script_step()
    if step_name is not None:
        builder.with_step_name(step_name)
    if workspace_dir is not None:
        builder.with_workspace_directory(workspace_dir)
    return builder


def train_and_predict_with_cv(
    classifier_class: Any,
    param_grid: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Sequence[Any]]],
    dataset: Bunch,
    results_dir: str | os.PathLike[str],
    test_size: float = 0.2,
    folds: int = 5,
    cv_scoring: str = "accuracy",
    model_name: str | None = None,
    random_state: int | None = None,
    run_description: str | None = None,
    *,
    step_name: str | None = None,
    workspace_dir: str | os.PathLike[str] | None = None,
    verbose: bool = True,
) -> dict[str, Any]:
    """Searches the best parameters of a classifier by cross-validation, tests it on data that the search has not seen, and records all that.

    ``dataset`` is what :func:`load_dataset_from_resource` gives. The metrics of the final test are written to ``results.json`` in ``results_dir`` and
    are the result. With ``model_name`` the classifier is fitted to all of the data and saved as ``MODEL_NAME.pkl`` there.
    """
    builder = _builder(step_name, workspace_dir)
    grid = param_grid if isinstance(param_grid, Mapping) else list(param_grid)
    builder.with_parameters(
        {
            "classifier": classifier_class.__name__,
            "test_size": test_size,
            "folds": folds,
            "cv_params": grid,
            "cv_scoring": cv_scoring,
            "random_state": random_state,
        }
    )
    builder.with_input_ref(dataset.resource).as_results_step(results_dir, run_description)
    with builder.eval() as lineage:
        assert isinstance(lineage, ResultsLineage)
        for_training, for_test, target_training, target_test = train_test_split(
            dataset.data, dataset.target, test_size=test_size, random_state=random_state
        )
        search = GridSearchCV(classifier_class(), param_grid=grid, scoring=cv_scoring, cv=folds)
        search.fit(for_training, target_training)
        for name, value in search.best_params_.items():
            lineage.add_param(name, value)
        # The search has fitted the best one to all data for training.
        predicted = search.predict(for_test)
        kind = MulticlassClassificationMetrics if len(numpy.unique(dataset.target)) > 2 else BinaryClassificationMetrics
        metrics = kind(target_test, predicted)
        if verbose:
            print(f"best parameters: {search.best_params_}")
            metrics.print_metrics()
        if model_name is not None:
            import joblib

            target = Path(results_dir) / f"{model_name}.pkl"
            joblib.dump(classifier_class(**search.best_params_).fit(dataset.data, dataset.target), target)
        found = metrics.to_dict()
        lineage.write_results(found)
    return found

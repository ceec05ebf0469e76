"""Is this answer right? Every kind of answer graded exactly and with a reason. Knows nothing of models.

The text of an answer comes from a model and is hostile: it is parsed, never evaluated, and bounded in size and time.
"""

from diagramlens.grading.answers import Graded, grade
from diagramlens.grading.equivalence import check_sympy_equivalence, infer_names
from diagramlens.grading.expressions import parse_expression, same_expression
from diagramlens.grading.final import final_answer
from diagramlens.grading.golds import GradingError
from diagramlens.grading.latex import normalize_latex
from diagramlens.grading.netlists import NetlistScore, compare_netlists
from diagramlens.grading.numerical import compute_numerical_accuracy, extract_numerical_answer
from diagramlens.grading.quantities import Quantity, QuantityError, compare_quantities, parse_quantity
from diagramlens.grading.rational import Expression
from diagramlens.grading.tokens import ExpressionError
from diagramlens.grading.verdict import Verdict

__all__ = [
    "Expression",
    "ExpressionError",
    "Graded",
    "GradingError",
    "NetlistScore",
    "Quantity",
    "QuantityError",
    "Verdict",
    "check_sympy_equivalence",
    "compare_netlists",
    "compare_quantities",
    "compute_numerical_accuracy",
    "extract_numerical_answer",
    "final_answer",
    "grade",
    "infer_names",
    "normalize_latex",
    "parse_expression",
    "parse_quantity",
    "same_expression",
]

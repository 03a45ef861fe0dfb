"""What differs between kinds of question: split, objectives, metrics, untrained baselines, threshold rule."""

from trainables.models.base import TaskName
from trainables.tasks.anomaly import AnomalyTask
from trainables.tasks.base import Task
from trainables.tasks.forecast import ForecastTask

TASKS: dict[TaskName, Task] = {"anomaly": AnomalyTask(), "forecast": ForecastTask()}
"""The tasks by name; a family names the one it is trained and judged under."""

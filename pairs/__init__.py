"""Policy pairs: texts that break a rule of the usage policy, each with a harmless twin; and harmless texts that alarm.

README.md is the data set's card. `load()` reads it, `python -m pairs check` holds it to its promises.
"""

from pairs.loading import DATA, SPLITS, Declared, Message, Text, load, split_of, training

__all__ = ["DATA", "SPLITS", "Declared", "Message", "Text", "load", "split_of", "training"]

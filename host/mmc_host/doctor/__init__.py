"""What somebody who helps from afar would ask for: facts of this computer and of the wearable, and what they mean.

`host_facts.py` looks at the computer, `device_facts.py` asks the wearable, `findings.py` judges both. Each gives plain
values, so that text, JSON and tests see the same.
"""

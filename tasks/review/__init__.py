"""A person's decision on a version that passed the gate: requests, approval, rejection, rollback; terminal and form."""

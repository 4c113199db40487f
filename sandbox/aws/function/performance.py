"""Measures the parts of an invocation."""
import time


class PerfMetrics:
    def __init__(self):
        self.started = time.time()
        self.parts = {}

    def print_report(self):
        print(f"[INFO] total {time.time() - self.started:.3f}s {self.parts}")

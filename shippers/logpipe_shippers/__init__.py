"""Events and findings on their way out: Prometheus, Loki, OTLP, Alertmanager, people."""

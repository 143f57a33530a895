"""Whether a new version is worse than the one before: `logpipe gate`, and the detector `deploy_regression`."""

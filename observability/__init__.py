"""What is watched, as code: alerts, dashboards and scrape targets, all drawn from the metric catalogue.

`python -m observability.build` writes what the chart and `millrace up --prometheus` read. Part of the repository,
not of the wheel.
"""

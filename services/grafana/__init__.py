"""Grafana: our data sources, dashboards and alert annotations in it.

client      the one file that speaks grafana-api: calls, and what their errors mean
annotate    alerts as marks on the dashboards
provision   what should be there, compared with what is, and put right
sources     the two data sources
queries, panels, overview, topic, operations, dashboards
            the dashboards, from one definition; `python -m services.grafana.dashboards`
            writes them to deploy/grafana/dashboards
"""

from services.grafana.annotate import Mark, annotate
from services.grafana.client import Grafana

__all__ = ["Grafana", "Mark", "annotate"]

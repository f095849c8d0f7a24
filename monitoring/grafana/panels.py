"""The kinds of panel in the dashboards: one style, one data source, a description for each panel.

Sizes are in Grafana's grid, 24 columns wide; a row's panels share one height. Thresholds are (value, colour) from below.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from string import ascii_uppercase
from typing import Any, Literal, TypeVar

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as build_dashboard
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.grafana.queries import scoped

Steps = Sequence[tuple[float, str]]
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_TRAFFIC = "no traffic"
TARGET_LINE = "dark-red"
FAILED_STEPS = ((0.001, "orange"), (0.0144, "red"))
"""Thresholds of the failed share: the objective, and the paging threshold of the hour."""
CODE_COLOURS = {"ok": "green", "invalid": "blue", "overloaded": "yellow", "timeout": "orange", "error": "red"}
HEADINGS = {"alertname": "Alert"}
"""Column titles of labels whose name does not suit as a title."""
P = TypeVar("P", stat.Panel, timeseries.Panel, heatmap.Panel, table.Panel)
Panels = Iterator[stat.Panel | timeseries.Panel | heatmap.Panel | table.Panel]


def single(
    title: str,
    unit: str,
    expr: str,
    description: str,
    *,
    steps: Steps = (),
    words: Mapping[int, tuple[str, str]] | None = None,
    empty: str = NO_TRAFFIC,
    decimals: int | None = None,
    span: int = 4,
) -> stat.Panel:
    """One number, coloured by `steps`. `words` replace numbers, with their colours."""
    panel = _common(stat.Panel(), title, unit, description, span=span, height=4, empty=empty)
    panel.with_target(_query(expr, "A"))
    panel.color_mode(common.BigValueColorMode.VALUE).justify_mode(common.BigValueJustifyMode.CENTER)
    panel.graph_mode(common.BigValueGraphMode.NONE)  # Grafana would draw the line behind the number
    panel.reduce_options(build.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(_thresholds(steps)).color_scheme(_colours(dashboard.FieldColorModeId.THRESHOLDS))
    if words:
        results = {str(n): dashboard.ValueMappingResult(text, colour) for n, (text, colour) in words.items()}
        panel.mappings([dashboard.ValueMap(results)])
    return panel if decimals is None else panel.decimals(decimals)


def lines(
    title: str,
    unit: str,
    queries: Mapping[str, str],
    description: str,
    *,
    stacked: bool = False,
    axis: Literal["linear", "log"] = "linear",
    bars: bool = False,
    at_most: float | None = None,
    targets: Steps = (),
    colours: Mapping[str, str] | None = None,
    empty: str = NO_TRAFFIC,
    span: int = 8,
    height: int = 8,
) -> timeseries.Panel:
    """Values over time; `queries` by the legend of their series. `targets` are drawn as lines across.

    A `log` axis has no room for zero.
    """
    panel = _common(timeseries.Panel(), title, unit, description, span=span, height=height, empty=empty)
    for letter, (legend, expr) in zip(ascii_uppercase, queries.items(), strict=False):
        panel.with_target(_query(expr, letter, legend))
    panel.color_scheme(_colours(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    panel.line_width(0 if stacked else 2).fill_opacity(60 if stacked else 0)  # lines would hide what is stacked below
    panel.show_points(common.VisibilityMode.NEVER).span_nulls(False)
    panel.draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE)
    if stacked:
        panel.stacking(build.StackingConfig().mode(common.StackingMode.NORMAL))
    if axis == "log":
        panel.scale_distribution(build.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10))
    else:
        panel.min(0)
    if at_most is not None:
        panel.max(at_most)
    if targets:
        panel.thresholds(_thresholds(targets))
        style = build.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    for name, colour in (colours or {}).items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_name(name, [dashboard.DynamicConfigValue("color", fixed)])
    legend_options = build.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
    panel.legend(legend_options.display_mode(common.LegendDisplayMode.LIST))
    every_series = build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    return panel.tooltip(every_series.sort(common.SortOrder.DESCENDING))


def heat(title: str, unit: str, expr: str, description: str, *, span: int = 12, height: int = 8) -> heatmap.Panel:
    """A histogram over time; `expr` has a series for each bucket, by `le`."""
    panel = _common(heatmap.Panel(), title, unit, description, span=span, height=height, empty=NO_TRAFFIC)
    panel.with_target(_query(expr, "A", "{{le}}").format(PromQueryFormat.HEATMAP))
    panel.calculate(False).y_axis(heatmap.YAxisConfig().unit(unit))
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return panel.color(colours).cell_gap(1).filter_values(heatmap.FilterValueRange().le(1e-9)).show_legend()


FULL_STEPS = ((0.8, "orange"), (0.95, "red"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers in a table."""

    title: str
    unit: str
    expr: str
    """One value a row, with the labels that name the row."""
    steps: Steps = ()
    gauge: bool = False
    """Drawn as a bar that is full at 1."""
    zero: str = ""
    decimals: int | None = None


def rows(
    title: str,
    keys: Sequence[str],
    columns: Sequence[Column],
    description: str,
    *,
    link: str,
    worst: str,
    worst_is_least: bool = False,
    empty: str = NO_TRAFFIC,
    span: int = 24,
    height: int = 9,
) -> table.Panel:
    """A row for each value of the labels `keys`, the most (or least) of the column `worst` on top; `model` links to `link`."""
    panel = _common(table.Panel(), title, "short", description, span=span, height=height, empty=empty)
    letters = dict(zip(ascii_uppercase, columns, strict=False))
    for letter, column in letters.items():
        panel.with_target(_query(column.expr, letter).instant().format(PromQueryFormat.TABLE))
    order = [*keys, *(f"Value #{letter}" for letter in letters)]
    names = {f"Value #{letter}": column.title for letter, column in letters.items()}
    names |= {key: HEADINGS.get(key, key.capitalize()) for key in keys}
    organize = {
        "excludeByName": {"Time": True},
        "indexByName": {name: position for position, name in enumerate(order)},
        "renameByName": names,
    }
    panel.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    panel.with_transformation(dashboard.DataTransformerConfig("organize", options=organize))
    panel.override_by_name("Model", [dashboard.DynamicConfigValue("links", [_row_link("model", link)])])
    panel.sort_by([build.TableSortByFieldState().display_name(worst).desc(not worst_is_least)])
    for column in columns:
        panel.override_by_name(column.title, _column_properties(column))
    return panel.thresholds(_thresholds(()))


def new_dashboard(
    uid: str, title: str, description: str, rows: Mapping[str, Panels], *, hours: int = 1
) -> build_dashboard.Dashboard:
    """A dashboard of panels by the title of their row ("" for none), with what all dashboards share."""
    board = build_dashboard.Dashboard(title).uid(uid).description(description).tags(["modelyard"]).editable()
    board.time(f"now-{hours}h", "now").refresh("10s").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    board.with_variable(build_dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    board.with_variable(names_of("cluster", "Server", 'label_values(up{job="modelyard"}, cluster)'))
    changed = "changes(config_last_reload_success_timestamp_seconds[1m]) > 0"
    mark = build_dashboard.AnnotationQuery().name("Configuration reload").datasource(DATASOURCE).expr(scoped(changed))
    board.annotation(mark.enable(True).icon_color("blue").title_format("configuration reload").step("60s"))
    link = build_dashboard.DashboardLink("modelyard").type(dashboard.DashboardLinkType.DASHBOARDS)
    board.link(link.tags(["modelyard"]).keep_time(True))
    number = count(1)  # ids make links to a panel last
    for row, panels in rows.items():
        if row:
            board.with_row(build_dashboard.Row(row).id(next(number)))
        for panel in panels:
            board.with_panel(panel.id(next(number)))
    return board


def names_of(variable: str, label: str, query: str) -> build_dashboard.QueryVariable:
    """A variable to choose by, in the order of the alphabet."""
    names = build_dashboard.QueryVariable(variable).label(label).query(query).datasource(DATASOURCE)
    return names.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(dashboard.VariableSort.ALPHABETICAL_ASC)


def _common(panel: P, title: str, unit: str, description: str, *, span: int, height: int, empty: str) -> P:
    panel.title(title).unit(unit).description(description).datasource(DATASOURCE)
    return panel.span(span).height(height).no_value(empty)


def _query(expr: str, letter: str, legend: str = "") -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(scoped(expr)).ref_id(letter).datasource(DATASOURCE)
    return query.legend_format(legend) if legend else query


def _thresholds(steps: Steps) -> Builder[dashboard.ThresholdsConfig]:
    levels = [dashboard.Threshold(None, "green"), *(dashboard.Threshold(value, colour) for value, colour in steps)]
    return build_dashboard.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(levels)


def _colours(mode: dashboard.FieldColorModeId) -> Builder[dashboard.FieldColor]:
    return build_dashboard.FieldColor().mode(mode)


def _row_link(key: str, path: str) -> dict[str, str]:
    return {
        "title": f"Open this {key}",
        "url": f"{path}?var-{key}=${{__value.raw}}&var-cluster=$cluster&${{__url_time_range}}",
    }


def _column_properties(column: Column) -> list[dashboard.DynamicConfigValue]:
    properties: dict[str, Any] = {"unit": column.unit}
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    nothing = {"match": "null+nan", "result": {"text": NO_TRAFFIC, "color": "text"}}
    properties["mappings"] = [{"type": "special", "options": nothing}]
    if column.zero:
        properties["mappings"].append({"type": "value", "options": {"0": {"text": column.zero, "color": "text"}}})
    if column.steps or column.gauge:
        levels = [
            {"value": None, "color": "green"},
            *({"value": value, "color": c} for value, c in column.steps or FULL_STEPS),
        ]
        properties["thresholds"] = {"mode": "absolute", "steps": levels}
        properties["custom.cellOptions"] = {"type": "color-text"}
    if column.gauge:
        properties |= {"min": 0, "max": 1, "custom.cellOptions": {"type": "gauge", "mode": "basic"}}
    return [dashboard.DynamicConfigValue(name, value) for name, value in properties.items()]

"""`modelyard bench`."""
# ruff: noqa: PLC0415 - see the package

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard.cli.command_options import DEFAULT_CONFIG, ConfigDir, ModelName, Output, OutputFormat
from modelyard.cli.command_output import FAILED, err, out, print_json, reported_errors
from modelyard.cli.terminal_report import width_of

if TYPE_CHECKING:
    from modelyard.cli.bench.bench_run import BenchRun
    from modelyard.cli.bench.bodies import Bodies


def bench(  # noqa: PLR0917 - typer passes them by name
    name: ModelName,
    config: ConfigDir = DEFAULT_CONFIG,
    p99_ms: Annotated[
        float | None,
        typer.Option(min=0.001, help="Limit of the 99th percentile in milliseconds: find settings that meet it."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="With --p99-ms: requests per second that the model should answer. Sets `replicas`."
        ),
    ] = None,
    in_flight: Annotated[
        str, typer.Option(help="Numbers of requests in flight to measure, separated by commas.")
    ] = "1,4,16,64",
    rows: Annotated[
        str,
        typer.Option(
            help="Numbers of rows per request to measure. Default: 1,8,32, or the bodies of --input as they are.",
            show_default=False,
        ),
    ] = "",
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            exists=True,
            dir_okay=False,
            help="File with a body of a predict request, or one on each line. Default: the model's example.",
        ),
    ] = None,
    window_s: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds of one measuring window.")] = 1.0,
    max_s: Annotated[
        float, typer.Option(min=0.3, max=600, help="Maximum seconds of measuring at each level, until it is stable.")
    ] = 10.0,
    client_certificate: Annotated[
        Path | None, typer.Option(exists=True, help="PEM file with a client certificate, if the server requires one.")
    ] = None,
    client_key: Annotated[
        Path | None, typer.Option(exists=True, help="PEM file with the key of the client certificate.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(dir_okay=False, help="Also write the chart to this file, as SVG.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Load the server although it had requests within the last minute.")
    ] = False,
    output: Output = OutputFormat.text,
) -> None:
    """Measure throughput and latency of a model of the running server, and find settings that meet a 99th percentile.

    This is a load on the server: other models of the machine become slower while it runs.
    """
    from modelyard.cli.bench.bench_run import Request, prepared
    from modelyard.cli.bench.report import sweep_svg
    from modelyard.cli.bench.target import NotMeasurable
    from modelyard.cli.bench.windows import STABLE_WINDOWS, Timing

    if max_s < 0.999 * STABLE_WINDOWS * window_s:  # 0.3 is a little less than three times 0.1
        raise typer.BadParameter(
            f"must be at least {STABLE_WINDOWS} windows ({STABLE_WINDOWS * window_s:g})", param_hint="--max-s"
        )
    if rate is not None and p99_ms is None:
        raise typer.BadParameter("needs --p99-ms", param_hint="--rate")
    request = Request(
        name=name,
        config=config,
        p99_ms=p99_ms,
        rate=rate,
        in_flight=_numbers(in_flight, "--in-flight"),
        rows=_numbers(rows, "--rows") if rows else None,
        bodies=_bodies(input_file) if input_file else None,
        timing=Timing(window_s, max_s, warm_s=window_s),
        client_files={
            key: str(path.resolve())
            for key, path in (("certificate", client_certificate), ("key", client_key))
            if path is not None
        },
        confirmed=yes,
    )
    with reported_errors(output):
        try:
            with prepared(request) as run:
                for line in run.plan():
                    err.print(line, markup=False)
                run.run(err)
        except NotMeasurable as error:
            err.print(f"error: {error}", markup=False)
            raise typer.Exit(FAILED) from None
    _print(run, output)
    if svg is not None and run.sweep.results:
        with reported_errors(output):
            svg.write_text(sweep_svg(run.sweep, name))
    raise typer.Exit(0 if run.succeeded else FAILED)


def _print(run: "BenchRun", output: OutputFormat) -> None:
    from modelyard.cli.bench.report import as_json, conclusion, remarks, sweep_chart, table

    sweep, found = run.sweep, run.recommendation
    yaml = found.yaml(run.file) if found else ""
    if output is OutputFormat.json:
        print_json(as_json(sweep, found, yaml, run.about()))
    elif sweep.results:
        width = width_of(out)
        out.print(table(sweep, width))
        out.print("\n" + "\n".join(sweep_chart(sweep, width)) + "\n", markup=False)
        for line in conclusion(sweep):
            out.print(line, markup=False)
        if found:
            out.print(f"\n{yaml}", markup=False)
            for warning in found.warnings:
                err.print(f"warning: {warning}", markup=False)
        for line in remarks(sweep, os.cpu_count() or 1):
            err.print(line, markup=False)
    if sweep.stopped:
        measured = f"{len(sweep.results)} of {len(sweep.levels)} levels measured"
        err.print(f"error: {sweep.stopped}; {measured}", markup=False)


def _numbers(text: str, option: str) -> list[int]:
    from modelyard.cli.bench.levels import MAX_IN_FLIGHT, MAX_ROWS, parse_numbers

    try:
        return parse_numbers(text, MAX_ROWS if option == "--rows" else MAX_IN_FLIGHT)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _bodies(file: Path) -> "Bodies":
    from modelyard.cli.bench.bodies import read_bodies

    try:
        return read_bodies(file.read_text(encoding="utf-8-sig"), str(file))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--input") from None

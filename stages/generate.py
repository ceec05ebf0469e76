"""Draw circuits, or import a data set; write them as shards of diagrams, with a contact sheet to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from diagramlens.domains.circuits.drawn import Tally, draw_diagrams
from diagramlens.domains.circuits.sampling import CircuitRecipe
from diagramlens.records import Diagram, read_rows, write_shards
from diagramlens.report.contact_sheet import contact_sheet
from diagramlens.runtime import Run, stage
from diagramlens.sources.circuitsense import read_circuitsense

SHEET = 48  # diagrams on the contact sheet


def drawn(run: Run) -> Iterator[Diagram]:
    """The diagrams that params.yaml's domain describes."""
    domain, wanted = run.params.domain, run.params.generate
    recipe = CircuitRecipe(
        levels=domain.levels,
        parts=(domain.parts.minimum, domain.parts.maximum),
        grid=(domain.grid.minimum, domain.grid.maximum),
        styles=domain.styles,
        pitch=domain.pitch,
    )
    return draw_diagrams(wanted.count, recipe, wanted.seed, run.workers)


if __name__ == "__main__":
    with stage("generate") as run:
        wanted = run.params.generate
        tally = Tally()
        diagrams: Iterable[Diagram]
        if wanted.source.kind == "draw":
            diagrams, ledger = drawn(run), None
        else:
            imported = read_circuitsense(Path(wanted.source.path), max_bad_fraction=wanted.source.max_bad_fraction)
            diagrams, ledger = islice(imported.diagrams, wanted.count), imported.ledger
        out = run.out("data/diagrams")
        count = write_shards(
            out, tally.watch(run.progress(diagrams, total=wanted.count, unit="diagrams")), Diagram, wanted.shard_rows
        )
        if ledger:
            ledger.check(
                wanted.source.max_bad_fraction
            )  # once more: `count` may have ended the import before its own check
        metrics = tally.metrics() | ({"imported": ledger.metrics()} if ledger else {})
        contact_sheet(list(islice(read_rows(out, Diagram), SHEET))).save(
            run.file("data/contact_sheet.png"), format="PNG"
        )
        run.metrics("metrics/generate.json", metrics)
        run.say(
            f"data/diagrams holds {count} diagrams of {metrics['distinct_topologies']} topologies; look at data/contact_sheet.png"
        )

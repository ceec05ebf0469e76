"""Draw circuits, or import a data set; write them as shards of diagrams, with a contact sheet to look at."""

from __future__ import annotations

from itertools import islice

import own_src  # noqa: F401 - before diagramlens

from diagramlens.domains.circuits.drawn import Tally, draw_diagrams
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.params.sources import unwatched
from diagramlens.records import Diagram, read_rows, write_shards
from diagramlens.report.contact_sheet import contact_sheet
from diagramlens.runtime import stage
from diagramlens.sources.mixture import open_mixture

SHEET = 48  # diagrams on the contact sheet


if __name__ == "__main__":
    with stage("generate") as run:
        wanted = run.params.generate
        for line in unwatched(wanted.sources):
            run.note(f"warning: {line}")
        recipe = CircuitRecipe.of(run.params.domain)
        mixture = open_mixture(
            wanted.sources, wanted.count, draw=lambda count: draw_diagrams(count, recipe, wanted.seed, run.workers)
        )
        tally = Tally()
        diagrams = tally.watch(run.progress(mixture.diagrams(), total=wanted.count, unit="diagrams"))
        out = run.out("data/diagrams")
        count = write_shards(out, diagrams, Diagram, wanted.shard_rows)
        mixture.check()
        metrics = tally.metrics() | {"sources": mixture.metrics()}
        contact_sheet(list(islice(read_rows(out, Diagram), SHEET))).save(
            run.file("data/contact_sheet.png"), format="PNG"
        )
        run.metrics("metrics/generate.json", metrics)
        run.say(
            f"data/diagrams holds {count} diagrams of {metrics['distinct_topologies']} topologies; look at data/contact_sheet.png"
        )

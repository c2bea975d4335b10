"""The command `torchstone`. It imports torch only where a command needs it, so that `list` and `explain` are quick."""

import signal
from typing import Annotated

import typer

from torchstone import __version__
from torchstone.conformance.commands import audit, bench, console, look, run, train

app = typer.Typer(
    help="A touchstone for training code: losses, optimizers and learning-rate schedulers, clause by clause.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        console.print(f"torchstone {__version__}", highlight=False)
        raise typer.Exit
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is told to end ends what it has started, too


app.command()(run.run)
app.command()(run.report)
app.command()(run.diff)
app.command()(audit.audit)
app.command("list")(look.list_)
app.command()(look.explain)
app.command()(look.replay)
app.command()(train.train)
app.command()(bench.bench)


def main() -> None:
    app(prog_name="torchstone")


if __name__ == "__main__":
    main()

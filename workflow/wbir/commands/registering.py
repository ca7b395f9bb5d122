"""`wbir register`, `wbir apply`, `wbir evaluate`: registration of your own pair."""

from __future__ import annotations

import argparse
import logging
import re
from pathlib import Path
from typing import Any

from wbir.commands._shared import Commands, add_command, chosen_device, named_values
from wbir.errors import InputError

SIDES = ("fixed", "moving")
log = logging.getLogger("wbir")


def add(commands: Commands) -> None:
    """Declare the commands."""
    _add_register(commands)
    _add_apply(commands)
    _add_evaluate(commands)


def _add_register(commands: Commands) -> None:
    what = "Register a pair of your own by a method of this package (docs/register.md)."
    example = "wbir register fixed.nii.gz moving.nii.gz --method log_demons --out registered"
    parser = add_command(commands, "register", run_register, what, example)
    parser.add_argument("fixed", type=Path, help="NIfTI, NRRD, MHA, PNG, TIFF, … or a folder with one DICOM series")
    parser.add_argument("moving", type=Path, help="the image that is brought onto the fixed one")
    parser.add_argument("--method", required=True, help="one of `wbir list methods` that registers pairs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the method")
    parser.add_argument(
        "--initial", default="header", help="header (default), centres, mass, or a linear ITK transform (.tfm, .mat)"
    )
    parser.add_argument("--seed", type=int, default=0, help="the seed (default: 0)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 or auto (default: auto)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the torch methods (default: 1)")
    parser.add_argument("--model", type=Path, help="the trained model of a learned method")
    parser.set_defaults(scale="bench")  # `auto` may take a GPU: no part of the CPU-only demo
    _add_truth(parser)
    _add_output(parser, required=True)


def _add_apply(commands: Commands) -> None:
    what = "Carry a displacement field to further images, labels and points."
    example = "wbir apply registered/displacement.nii.gz --moving t2.nii.gz --labels atlas.nii.gz --out carried"
    parser = add_command(commands, "apply", run_apply, what, example)
    parser.add_argument("field", type=Path, help="an ITK displacement field or linear transform of any tool")
    parser.add_argument("--moving", type=Path, nargs="+", default=[], help="moving images: linear, onto the fixed grid")
    parser.add_argument("--labels", type=Path, nargs="+", default=[], help="moving labels: nearest neighbour")
    parser.add_argument(
        "--points", type=Path, nargs="+", default=[], help="FIXED points: the field takes them to moving"
    )
    parser.add_argument("--moving-points", type=Path, nargs="+", default=[], help="MOVING points: back by the inverse")
    parser.add_argument("--reference", type=Path, help="the fixed image, whose grid is written (default: the field's)")
    _add_reading(parser)
    _add_output(parser, required=True)


def _add_evaluate(commands: Commands) -> None:
    what = "Score a displacement field that any tool made, before and after."
    example = "wbir evaluate warp.nii.gz --fixed fixed.nii.gz --moving moving.nii.gz --out scores"
    parser = add_command(commands, "evaluate", run_evaluate, what, example)
    parser.add_argument("field", type=Path, help="an ITK displacement field or linear transform of any tool")
    parser.add_argument("--fixed", type=Path, required=True, help="the fixed image")
    parser.add_argument("--moving", type=Path, required=True, help="the moving image")
    _add_truth(parser)
    _add_output(parser, required=False)
    _add_reading(parser, points=False)


def _add_truth(parser: argparse.ArgumentParser) -> None:
    """What scores a registration, and how images and points are read."""
    for side in SIDES:
        parser.add_argument(f"--{side}-labels", type=Path, metavar="FILE", help=f"label map of the {side} image")
        parser.add_argument(f"--{side}-mask", type=Path, metavar="FILE", help=f"mask of the {side} image")
        parser.add_argument(f"--{side}-points", type=Path, metavar="FILE", help=f"landmarks of the {side} image")
    parser.add_argument(
        "--normalise", default="percentiles", choices=["percentiles", "joint", "none"],
        help="intensities: each image to [0, 1] by its percentiles 0.5 and 99.5 (default), both alike, or as stored",
    )  # fmt: skip
    _add_points_in(parser)


def _add_points_in(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--points-in", default="voxel", choices=["voxel", "ras", "lps"],
        help="what a CSV of landmarks holds: voxel indices from 0 (default), or mm",
    )  # fmt: skip


def _add_reading(parser: argparse.ArgumentParser, points: bool = True) -> None:
    parser.add_argument(
        "--convention", default="itk", choices=["itk", "learn2reg"], help="how the field is stored (default: itk)"
    )
    if points:
        _add_points_in(parser)


def _add_output(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument("--grey", action="store_true", help="turn colour images to grey")
    parser.add_argument("--out", type=Path, required=required, help="the folder to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a folder that wbir wrote before")


def run_register(options: argparse.Namespace) -> None:
    """`wbir register`."""
    from wbir.pairs.output import check_output
    from wbir.pairs.registering import Request, checked_spec, chosen_parameters, register

    spec = checked_spec(options.method, model=options.model)
    masks = bool(options.fixed_mask or options.moving_mask)
    parameters = chosen_parameters(options.method, named_values(options.set, "--set"), masks, options.model)
    if options.threads < 1 or options.seed < 0:
        raise InputError(
            "--threads of 1 or more and --seed of 0 or more", f"{options.threads}, {options.seed}", "correct it"
        )
    device = _device(options, spec)
    files = _files(options)
    check_output(options.out, options.overwrite, [*files.values(), options.model])
    if options.model is not None and not options.model.is_file():
        raise InputError("a trained model", f"nothing at {options.model}", "check the path")
    request = Request(
        options.method, parameters, options.initial, options.normalise, options.seed, device, options.threads,
        options.model, files,
    )  # fmt: skip
    _say(register(_pair(options), request, options.out), options.out)


def run_apply(options: argparse.Namespace) -> None:
    """`wbir apply`."""
    from wbir.pairs.applying import Load, apply_field
    from wbir.pairs.output import check_output

    load = Load(options.moving, options.labels, options.points, options.moving_points)
    inputs = [options.field, options.reference, *load.moving, *load.labels, *load.points, *load.moving_points]
    check_output(options.out, options.overwrite, inputs)
    written = apply_field(
        options.field, load, options.reference, options.out, convention=options.convention,
        points_in=options.points_in, grey=options.grey,
    )  # fmt: skip
    _say(written, None)


def run_evaluate(options: argparse.Namespace) -> None:
    """`wbir evaluate`."""
    from wbir.pairs.evaluating import evaluate
    from wbir.pairs.output import check_output

    files = _files(options)
    if options.out is not None:
        check_output(options.out, options.overwrite, [*files.values(), options.field])
    lines = evaluate(_pair(options), options.field, options.convention, options.normalise, files, options.out)
    _say(lines, options.out)


def _pair(options: argparse.Namespace) -> Any:
    from wbir.pairs.pair import read_pair

    given = {
        what: {side: getattr(options, f"{side}_{what}") for side in SIDES} for what in ("labels", "mask", "points")
    }
    images = {side: getattr(options, side) for side in SIDES}
    return read_pair(
        images, given["labels"], given["mask"], given["points"], points_in=options.points_in, grey=options.grey
    )


def _files(options: argparse.Namespace) -> dict[str, Path | None]:
    names = [*SIDES, *(f"{side}_{what}" for side in SIDES for what in ("labels", "mask", "points"))]
    return {name: getattr(options, name) for name in names}


def _device(options: argparse.Namespace, spec: dict[str, Any]) -> str:
    """A device that is there. Raises InputError else."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", options.device):
        raise InputError("--device cpu, cuda, cuda:N or auto", repr(options.device), "take one of them")
    device = chosen_device(options, spec)
    if device.startswith("cuda"):
        import torch

        if int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
            raise InputError(f"the device {device}", f"{torch.cuda.device_count()} GPUs here", "give --device cpu")
    return device


def _say(lines: list[str], out: Path | None) -> None:
    """Results go to standard output, remarks to standard error."""
    print("\n".join(lines))
    if out is not None:
        log.info("written: %s", out)

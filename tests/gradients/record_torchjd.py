r"""Records what TorchJD's aggregators make of gradients, for torchjd_test.

Run it where torch and `torchjd[full]` are installed, without this package:

    python tests/gradients/record_torchjd.py tests/gradients/torchjd.npz

Solvers that TorchJD calls with loose tolerances are asked for tighter ones, so
that what they return is the solution. Random orders are replaced by the order
of the gradients. `importlib` imports TorchJD, which this project does not need.
"""

import importlib
import importlib.metadata
import sys

import numpy as np

NUM_GRADIENTS = range(2, 11)
KINDS = (
    "random",
    "conflicting",
    "lengths",
    "conflicting_lengths",
    "parallel",
    "zeros",
    "dependent",
)
LARGEST = 12
VERSIONS = (
    "torchjd",
    "torch",
    "cvxpy",
    "clarabel",
    "ecos",
    "quadprog",
    "scipy",
)


def gradients(kind, num_gradients, rng):
    """K random vectors of float32, some of them at odds."""
    size = LARGEST if kind != "dependent" else max(2, num_gradients - 2)
    rows = rng.standard_normal((num_gradients, size))
    if kind.startswith("conflicting"):
        rows -= 0.95 * rows.mean(axis=0)
        rows[:, 0] += 0.3
    if kind.endswith("lengths"):
        rows *= 10.0 ** rng.uniform(-1.5, 1.5, (num_gradients, 1))
    if kind == "parallel":
        # Multiples by small integers are exact.
        rows = np.round(64 * rows) / 64
        rows[-1] = 2 * rows[0]
        if num_gradients > 4:
            rows[2] = 3 * rows[1]
        if num_gradients > 7:
            rows[4] = -rows[3]
    if kind == "zeros":
        rows[rng.integers(num_gradients)] = 0
    return rows.astype("float32")


def aggregators(torchjd, num_gradients):
    """Aggregators by name; those with a state last."""
    torch = importlib.import_module("torch")
    preference = torch.arange(1.0, num_gradients + 1, dtype=torch.float64)
    exact = {"norm_eps": 0.0, "reg_eps": 1e-8}
    projector = importlib.import_module("torchjd.linalg").QuadprogProjector
    return {
        "pcgrad": torchjd.PCGrad(),
        "mgda": torchjd.MGDA(epsilon=1e-12, max_iters=200),
        "cagrad": torchjd.CAGrad(c=0.5),
        "cagrad_wide": torchjd.CAGrad(c=1.5),
        "upgrad": torchjd.UPGrad(),
        "upgrad_preference": torchjd.UPGrad(preference),
        "upgrad_exact": torchjd.UPGrad(projector=projector(**exact)),
        "dual_proj": torchjd.DualProj(),
        "dual_proj_preference": torchjd.DualProj(preference),
        "imtlg": torchjd.IMTLG(),
        "aligned_mtl": torchjd.AlignedMTL(),
        "aligned_mtl_median": torchjd.AlignedMTL(
            preference, scale_mode="median"
        ),
        "aligned_mtl_rmse": torchjd.AlignedMTL(scale_mode="rmse"),
        "fairgrad_half": torchjd.FairGrad(alpha=0.5),
        "fairgrad_1": torchjd.FairGrad(alpha=1.0),
        "fairgrad_2": torchjd.FairGrad(alpha=2.0),
        "nash_mtl": torchjd.NashMTL(num_gradients, optim_niter=30),
        "nash_mtl_unlimited": torchjd.NashMTL(
            num_gradients, max_norm=0.0, optim_niter=30
        ),
        "gradvac": torchjd.GradVac(),
    }


def tighten_solvers():
    """Makes results those of the problems and not of early stops."""
    torch = importlib.import_module("torch")
    cvxpy = importlib.import_module("cvxpy")
    optimize = importlib.import_module("scipy.optimize")
    fairgrad = importlib.import_module("torchjd.aggregation._fairgrad")
    nash = importlib.import_module("torchjd.aggregation._nash_mtl")
    torch.randperm = torch.arange
    solve = cvxpy.Problem.solve
    tight = {"tol_gap_abs": 1e-14, "tol_gap_rel": 1e-14, "tol_feas": 1e-14}

    def solve_tightly(problem, solver=None, **options):
        if solver == cvxpy.CLARABEL:
            options.update(tight)
        return solve(problem, solver=solver, **options)

    cvxpy.Problem.solve = solve_tightly
    fairgrad.least_squares = lambda *args, **options: optimize.least_squares(
        *args,
        **{**options, "max_nfev": 1000},
        ftol=None,
        gtol=1e-15,
        xtol=1e-15,
    )
    nash._NashMTLWeighting._stop_criteria = lambda weighting, gtg, alpha: (
        weighting.alpha_param.value is None
        or np.abs(gtg @ alpha * alpha - 1).max() < 1e-9
    )


def main(path):
    tighten_solvers()
    torch = importlib.import_module("torch")
    torchjd = importlib.import_module("torchjd.aggregation")
    rng = np.random.default_rng(0)
    rows, recorded = [], {}
    for num_gradients in NUM_GRADIENTS:
        stateful = aggregators(torchjd, num_gradients)["gradvac"]
        for kind in KINDS:
            vectors = gradients(kind, num_gradients, rng)
            padded = np.zeros((max(NUM_GRADIENTS), LARGEST), "float32")
            padded[:num_gradients, : vectors.shape[1]] = vectors
            rows.append(padded)
            matrix = torch.tensor(vectors, dtype=torch.float64)
            made = aggregators(torchjd, num_gradients) | {"gradvac": stateful}
            for name, aggregator in made.items():
                weights = np.full(max(NUM_GRADIENTS), np.nan)
                try:
                    weights[:num_gradients] = aggregator.weighting(matrix)
                except (RuntimeError, ValueError) as error:
                    print(name, kind, num_gradients, error)
                recorded.setdefault(name, []).append(weights)
        print(num_gradients, flush=True)
    versions = [
        f"{name} {importlib.metadata.version(name)}" for name in VERSIONS
    ]
    np.savez_compressed(path, gradients=rows, versions=versions, **recorded)


if __name__ == "__main__":
    main(sys.argv[1])

"""Tables of what albums, servers and clusters take, and of detectors: seconds, memory, photos a second."""

from typing import Any

from cells import BENCHMARKS, load, table

ROUTES = {
    "inspect": "`/v1/inspect`",
    "strip": "`/v1/strip`",
    "protect": "`/v1/protect`, no face",
    "protect, with a face": "`/v1/protect`, a face",
    "healthz": "`/healthz`",
}
"""Names in serve.json, in the order of the table."""

CHOICES = {
    "ray_to_plain": "Ray, one worker, by plain; with faces",
    "ray_to_plain_without_faces": "Ray, one worker, by plain; without faces",
    "two_workers_to_one": "two workers of one processor by one",
}
"""What cluster.json compares."""

LANES = (("faces_per_second", 3), ("peak_mb_of_process", 0))
"""What of lanes.json is shown, with how many digits."""


def albums() -> str:
    """Return memory and pace of albums."""
    measured = load("albums.json")
    rows = [
        (
            f"{one['photos']:,}",
            one["first"]["peak_mb"],
            one["again"]["peak_mb"],
            one["first"]["photos_per_second"],
            one["again"]["photos_per_second"],
        )
        for one in measured["memory"]
    ]
    head = ("photos, no faces looked for", "peak memory, MB", "done already, MB", "photos/s", "photos/s, done already")
    mixed = [
        (
            one["photos"],
            one["faces"],
            one["attack_steps"],
            one["faces_per_second"],
            f"{100 * one['attack_busy']:.1f}%",
            f"{one['peak_mb_of_process'] / 1000:.1f}",
        )
        for one in (measured["mixed_album"], measured["mixed_album_all_steps"], *measured["by_faces"].values())
    ]
    faces = ("photos with faces", "faces", "steps", "faces/s", "search for cloaks busy", "peak memory, GB")
    return f"{table(head, rows)}\n{table(faces, mixed)}"


def isolation() -> str:
    """Return what decoding in another process costs."""
    measured = load("albums.json")
    start, *photos = measured["isolation"]
    rows = [("start and first photo", start["start_and_first_photo_ms"], "")]
    rows += [(f"a photo of {one['pixels']}", one["apart_ms"], one["here_ms"]) for one in photos]
    return table(("decoding", "in another process, ms", "in this one, ms"), rows)


def lanes() -> str:
    """Return what two batches side by side bring to an album on two processors."""
    measured = load("lanes.json")
    rows = [
        (album, way, *(", ".join(f"{each[way][key]:.{digits}f}" for each in rounds) for key, digits in LANES))
        for album, rounds in measured["albums"].items()
        for way in rounds[0]
    ]
    ratios = (f"{album}: {one['median']:.2f}" for album, one in measured["two_to_one"].items())
    head = ("album", "two processors", "faces/s, each round", "peak memory, MB")
    return f"{table(head, rows)}\nTwo batches by one, medians: {'; '.join(ratios)}.\n"


def album_memory() -> str:
    """Return peak memory of whole commands by the number of photos."""
    commands = load("album_memory.json")["commands"]
    counts = next(iter(commands.values()))
    rows = [(f"`cloak {name}`", *(f"{by[count]['peak_mb']:.0f}" for count in counts)) for name, by in commands.items()]
    return table(("peak memory, MB, by photos", *(f"{int(count):,}" for count in counts)), rows)


def strip_album() -> str:
    """Return an album that is stripped as one command, beside other programs."""
    measured = load("strip_album.json")
    rows = []
    for name, tool in measured["tools"].items():
        left = tool["left"]
        tags = [tag for tag in left["tags_that_exiftool_reads_in_the_first"] if tag.startswith("EXIF:")]
        kept = [*left["metadata_found"], *(tag.removeprefix("EXIF:").lower() for tag in tags)]
        rows.append(
            (
                f"`{name}`",
                f"{tool['photos_per_second']['median']:g}",
                f"{tool['photos_per_processor_second']:g}",
                left["files"],
                ", ".join(kept) or "none",
                left["pixels_as_coded_in_the_original"],
                left["shown_the_right_way_up"],
            )
        )
    head = ("tool", "photos/s", "a processor second", "files", "metadata left", "pixels as coded", "right way up")
    return f"{measured['photos']} photos, {measured['megabytes']:.0f} MB.\n\n{table(head, rows)}"


def serve() -> str:
    """Return what the server does under load."""
    measured = load("serve.json")
    load_, memory, machine = measured["load"], measured["memory_mb"], measured["machine"]
    rows = [
        (words, took["count"], *(f"{took[key] / 1000:.2f}" for key in ("p50", "p99", "most")))
        for name, words in ROUTES.items()
        if (took := measured["ms"].get(name))
    ]
    notes = "".join(f"- {note}\n" for note in measured.get("notes", ()))
    return (
        f"{load_['clients']} clients at once for {load_['seconds']:g} s, a queue of {load_['queue']}, "
        f"{machine['cores']} processors (load after it: {machine['load_after'][0]}): "
        f"{measured['requests']:,} requests, {measured['lost']} lost, {measured['mixed_up']} answered with another's "
        f"photo, {measured['told_to_come_again']:,} times told to come again.\n\n"
        + table(("seconds", "requests", "median", "p99", "longest"), rows)
        + f"\nMemory of all processes, MB, in each tenth of the time: {', '.join(map(str, memory['each_tenth']))}; at "
        f"most {memory['most']:,}.\n\n{notes}"
    )


def detectors() -> str:
    """Return how far apart detectors put landmarks."""
    measured = load("detectors.json")
    found, apart = [], []
    for photos, words in (("lfw", "LFW"), ("portraits", "portraits")):
        for name, one in measured[photos]["recall"].items():
            found.append((words, name, one["faces"], f"{100 * one['recall']:.1f}%"))
        for pair, one in measured[photos]["differences"].items():
            distance, crop = one["mean_distance"], one["crop"]
            apart.append(
                (
                    words,
                    pair.replace(" - ", ", from "),
                    one["faces"],
                    f"{distance['median']:.3f} ({distance['abs_95']:.3f})",
                    f"{100 * crop['log_scale']['std']:.1f}%",
                    f"{57.2958 * crop['rotation']['std']:.1f}°",
                )
            )
    head = ("photos", "landmarks of", "faces", "median (95%) distance", "scale", "rotation")
    return f"{table(('photos', 'detector', 'faces', 'found'), found)}\n{table(head, apart)}"


def cluster() -> str:
    """Return what Ray costs on one machine; a line if it was not measured."""
    if not (BENCHMARKS / "cluster.json").exists():
        return "Clusters were not measured: `tests/benchmarks/cluster.py` does it.\n"
    measured = load("cluster.json")
    rows = [
        (
            words,
            f"{one['rate']:.2f}",
            ", ".join(f"{each:.2f}" for each in one["rate_each_round"]),
            f"{one['with_start']:.2f}",
        )
        for name, words in CHOICES.items()
        if (one := measured.get(name))
    ]
    return table(("photos a second, as a multiple", "median", "each round", "with its start"), rows) + _own(measured)


def _own(measured: dict[str, Any]) -> str:
    own = measured.get("cluster of its own")
    if not own:
        return ""
    took = f"{own['photos']} photos: {own['seconds']} s; plain {own['plain_seconds']}."
    return f"\nWith a cluster that is started for it, {took}\n"

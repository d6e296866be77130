from pathlib import Path

import pytest
import torch
from PIL import Image

from cloak.errors import DatasetError
from cloak.evaluation.copies import difference_hash
from cloak.evaluation.dataset import Dataset, Split, cohort


def picture(seed: int, size: int = 96) -> Image.Image:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 12, 12, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)[0]
    return Image.fromarray((fine * 255).byte().permute(1, 2, 0).numpy())


def save(folder: Path, person: str, name: str, image: Image.Image, **options: object) -> None:
    (folder / person).mkdir(parents=True, exist_ok=True)
    image.save(folder / person / name, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for person in range(4):
        for number in range(3):
            save(tmp_path, f"p{person}", f"{number}.jpg", picture(10 * person + number), quality=92)
    return tmp_path


def test_people_are_folders_and_photos_come_in_the_order_of_their_names(folder: Path) -> None:
    dataset = Dataset.scan(folder)
    assert [person.name for person in dataset.people] == ["p0", "p1", "p2", "p3"]
    assert [photo.path.name for photo in dataset.people[2].photos] == ["0.jpg", "1.jpg", "2.jpg"]
    assert not dataset.excluded
    assert not dataset.copies


def test_a_smaller_copy_under_another_name_is_found_and_neither_is_used(folder: Path) -> None:
    save(folder, "p3", "stolen.png", picture(0).resize((64, 64)))
    dataset = Dataset.scan(folder)
    assert [{path.name for path in copies} for copies in dataset.copies] == [{"0.jpg", "stolen.png"}]
    assert dataset.excluded["copy under another name"] == 2
    used = {photo.path.name for person in dataset.people if person.name == "p0" for photo in person.photos}
    assert used == {"1.jpg", "2.jpg"}


def test_of_copies_under_one_name_the_first_stays(folder: Path) -> None:
    save(folder, "p1", "9-again.jpg", picture(10), quality=40)
    dataset = Dataset.scan(folder)
    assert dataset.excluded["copy of another photo of the person"] == 1
    assert len(dataset.people[1].photos) == 3


def test_files_that_cannot_be_read_are_counted(folder: Path) -> None:
    (folder / "p0" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (folder / "p0" / "notes.txt").write_text("no photo")
    assert Dataset.scan(folder).excluded == {"cannot be read": 1}


def test_a_folder_without_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no photos"):
        Dataset.scan(tmp_path)
    with pytest.raises(DatasetError, match="not a folder"):
        Dataset.scan(tmp_path / "none")


def test_one_identity_is_an_error(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path, "alone", f"{number}.jpg", picture(number))
    with pytest.raises(DatasetError, match="only one person has a photo that can be used"):
        cohort(Dataset.scan(tmp_path), Split())


def test_one_photo_for_each_person_is_an_error(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path, f"p{number}", "0.jpg", picture(number))
    with pytest.raises(DatasetError, match="nobody has 2 photos"):
        cohort(Dataset.scan(tmp_path), Split(protected=1))


def test_nobody_is_subject_and_stranger_and_no_photo_is_protected_and_clean(folder: Path) -> None:
    people = cohort(Dataset.scan(folder), Split(identities=2, protected=1, references=5))
    assert [subject.name for subject in people.subjects] == ["p0", "p2"]
    assert {photo.path.parent.name for photo in people.strangers} == {"p1", "p3"}
    for subject in people.subjects:
        assert len(subject.protected) == 1
        assert len(subject.clean) == 2
        assert not set(subject.protected) & set(subject.clean)


def test_targets_do_not_depend_on_who_is_protected(tmp_path: Path) -> None:
    for person in range(20):
        for number in range(1 + person % 3):
            save(tmp_path, f"p{person}", f"{number}.jpg", picture(100 * person + number))
    dataset = Dataset.scan(tmp_path)
    splits = [Split(protected=1), Split(protected=2), Split(protected=1, identities=3, public=2), Split(strangers=4)]
    cohorts = [cohort(dataset, split) for split in splits]
    assert len({people.targets for people in cohorts}) == 1
    targets = set(cohorts[0].targets)
    assert len(targets) == 2
    for people in cohorts:
        assert not targets & set(people.strangers)
        names = {photo.path.parent.name for photo in targets}
        assert not names & {subject.name for subject in (*people.subjects, *people.public)}


def test_only_names_in_the_range_are_protected(folder: Path) -> None:
    save(folder, "zoe", "0.jpg", picture(90))
    save(folder, "zoe", "1.jpg", picture(91))
    people = cohort(Dataset.scan(folder), Split(letters=("X", "Z"), protected=1))
    assert [subject.name for subject in people.subjects] == ["zoe"]


def test_trainees_have_ten_photos_to_protect_and_five_clean_ones(tmp_path: Path) -> None:
    for person in range(3):
        for number in range(15 + person):
            save(tmp_path, f"p{person}", f"{number:02}.jpg", picture(100 * person + number))
    people = cohort(Dataset.scan(tmp_path), Split(protected=1, trainees=2))
    assert [(len(one.protected), len(one.clean)) for one in people.trainees] == [(10, 5), (10, 5)]


def test_the_hash_survives_compression_and_resizing_and_tells_photos_apart() -> None:
    def hashed(image: Image.Image) -> torch.Tensor:
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        return difference_hash(pixels.reshape(image.height, image.width, 3).permute(2, 0, 1))

    one = picture(1, 256)
    assert (hashed(one) != hashed(one.resize((120, 120)))).sum() <= 8
    assert (hashed(one) != hashed(picture(2, 256))).sum() > 60


def test_people_whose_names_start_with_a_digit_are_protected_too(tmp_path: Path) -> None:
    for seed, person in ((600, "0001"), (700, "Åsa")):
        for number in range(3):
            save(tmp_path, person, f"{number}.jpg", picture(seed + number))
    people = cohort(Dataset.scan(tmp_path), Split(protected=1))
    assert [subject.name for subject in people.subjects] == ["0001", "Åsa"]
    with pytest.raises(DatasetError, match="nobody from A to M"):
        cohort(Dataset.scan(tmp_path), Split(protected=1, letters=("A", "M")))


def test_strangers_who_are_among_the_people_are_left_out(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    save(outside, "p1", "0.jpg", picture(500))
    save(outside, "stolen", "0.jpg", picture(1).resize((80, 80)))
    save(outside, "stranger", "0.jpg", picture(501))
    kept = Dataset.scan(outside).without(Dataset.scan(folder))
    assert [person.name for person in kept.people] == ["stranger"]
    assert kept.excluded["stranger who is also among the people"] == 2

"""Whose image it is, as far as a name tells."""

from pathlib import Path

import pytest

from napari_wsol.projects.groups import guess_group


@pytest.mark.parametrize(
    ('name', 'group'),
    [
        ('TCGA-CR-7395-01A-01-TS1.svs', 'TCGA-CR-7395'),
        ('tcga-cr-7395-01a-01-ts1.4b2.svs', 'TCGA-CR-7395'),
        ('patient_012_node_3.tif', 'patient_012'),
        ('GT2001837-1-400-001.jpg', 'GT2001837'),
        ('SAMPLE-12_3.png', 'SAMPLE-12'),
        ('tumor_004_37276_186047.jpg', 'tumor_004'),
        ('normal_001_x53760_y99328.png', 'normal_001'),
        ('train_12.png', 'train_12'),
        ('B19-12345_2.tif', 'B19-12345'),
        ('2019-12345_2.tif', '2019-12345'),
        ('H-2019-12345.tif', 'H-2019-12345'),
        ('slide.ome.tif', 'slide'),
        ('Präparat 7 03.tiff', 'Präparat 7'),
        ('12.png', '12'),
        ('.png', '.png'),
    ],
)
def test_a_name_tells_the_patient(name, group):
    assert guess_group(Path('/data/x1_2') / name) == group

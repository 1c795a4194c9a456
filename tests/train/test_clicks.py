import torch

from train import clicks


def square(y0, y1, x0, x1, height=12, width=16):
    made = torch.zeros(1, height, width, dtype=torch.bool)
    made[:, y0:y1, x0:x1] = True
    return made


def test_a_random_pixel_lies_in_its_region():
    torch.manual_seed(0)
    region = square(3, 5, 7, 11)
    found = {tuple(clicks.random_pixel(region)[0].int().tolist()) for _ in range(200)}
    assert found == {(x, y) for x in range(7, 11) for y in range(3, 5)}


def test_corrective_clicks_say_which_side_the_error_is_on():
    target = square(2, 8, 2, 8)
    missed, extra = square(2, 8, 2, 5), target | square(9, 11, 12, 15)
    points, labels = clicks.corrective(torch.cat([missed, extra]), torch.cat([target, target]))
    assert labels[:, 0].tolist() == [1, 0]
    (x0, y0), (x1, y1) = points[:, 0].tolist()
    assert 5 <= x0 < 8 and 2 <= y0 < 8
    assert 12 <= x1 < 15 and 9 <= y1 < 11


def test_a_perfect_mask_gets_a_click_on_the_target():
    target = square(2, 4, 5, 6)
    points, labels = clicks.corrective(target, target)
    assert labels.item() == 1
    assert target[0, int(points[0, 0, 1]), int(points[0, 0, 0])]


def test_boxes_without_noise_are_exact():
    assert clicks.boxes(square(3, 5, 7, 11), noise=0.0).tolist() == [[7.0, 3.0, 10.0, 4.0]]


def test_noise_of_boxes_is_bounded():
    torch.manual_seed(1)
    box = clicks.boxes(square(0, 100, 0, 200, 300, 300).expand(500, -1, -1), noise=0.5, most=20.0)
    assert float((box - torch.tensor([0.0, 0.0, 199.0, 99.0])).abs().max()) <= 20.0

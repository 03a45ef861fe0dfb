import pytest
import torch

from trainables.adam import Adam


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_equals_the_optimizer_of_pytorch(weight_decay: float) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(5, 3, generator=generator), torch.randn(4, generator=generator)]
    theirs = [torch.nn.Parameter(tensor.clone()) for tensor in ours]
    adam = Adam(ours, learning_rate=0.01, weight_decay=weight_decay)
    reference = torch.optim.Adam(theirs, lr=0.01, weight_decay=weight_decay)
    for _ in range(20):
        gradients = [torch.randn(tensor.shape, generator=generator) for tensor in ours]
        adam.update(gradients)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, atol=1e-6)


def test_state_goes_through_a_dict() -> None:
    first, second = torch.ones(3), torch.ones(3)
    unbroken, saved = (Adam([tensor], learning_rate=0.1, weight_decay=0.0) for tensor in (first, second))
    for adam in (unbroken, saved):
        adam.update([torch.tensor([1.0, -2.0, 3.0])])
    resumed = Adam([second], learning_rate=0.1, weight_decay=0.0)
    resumed.load_state_dict(saved.state_dict())
    for adam in (unbroken, resumed):
        adam.update([torch.tensor([0.5, 0.5, -0.5])])
    assert torch.equal(first, second)


def test_state_of_another_model_is_refused() -> None:
    adam = Adam([torch.ones(3)], learning_rate=0.1, weight_decay=0.0)
    with pytest.raises(ValueError, match="another shape"):
        adam.load_state_dict(Adam([torch.ones(4)], learning_rate=0.1, weight_decay=0.0).state_dict())

"""Operations written by hand because autograd's own form is too slow, each with a plain reference in its tests."""

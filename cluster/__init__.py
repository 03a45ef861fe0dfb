"""The engine: what a study is, what happens next, and how Ray carries it out."""

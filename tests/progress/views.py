"""A clock that is set by hand, and a view that keeps what it was told."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Recorder:
    """A view that keeps what it was told: name, parts done, parts and words of each phase."""

    def __init__(self):
        self.told = []

    def show(self, phases):
        self.told.append([(phase.name, phase.done, phase.of, phase.item) for phase in phases])

    def begun(self):
        """Return the paths of the phases, in the order in which they began."""
        paths, last = [], ()
        for told in self.told:
            path = tuple(name for name, *_ in told)
            if len(path) > len(last):
                paths.append("/".join(path))
            last = path
        return paths

    def of(self, name):
        """Return what was told of the outermost phase `name`, in order."""
        return [told[0] for told in self.told if told and told[0][0] == name]

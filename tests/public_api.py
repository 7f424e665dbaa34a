"""The list of the public API.

`public_api.txt` has one line for each public name: modules, the names in their
`__all__`, the public methods and properties of classes, all with signatures. A
method that overrides another one has a line only if its signature differs.
Types are left out: versions of Python write them differently, and mypy checks
them.

    .venv/bin/python -m tests.public_api

writes the list. Users see each change of it: describe it in CHANGELOG.md.
"""

import dataclasses
import inspect
import pathlib

import keras_anytime

LIST = pathlib.Path(__file__).with_suffix(".txt")


class _Source(str):
    """Text that a signature shows without quotes."""

    __repr__ = str.__str__


def public_objects():
    """Returns the public modules, names and members, by dotted name."""
    objects = {}
    _add_module(objects, "keras_anytime", keras_anytime)
    for name, value in list(objects.items()):
        if inspect.isclass(value):
            objects |= _members(name, value)
    return dict(sorted(objects.items()))


def signature(value):
    """Returns the signature of a function or of a class's constructor.

    Returns:
        An `inspect.Signature` without `self`. `None` for modules, constants and
        properties, and for constructors that the package does not define.
    """
    if inspect.isclass(value):
        if not is_ours(_owner(value, "__init__")):
            return None
        value = value.__init__
    elif not inspect.isroutine(value):
        return None
    full = inspect.signature(value)
    parameters = list(full.parameters.values())
    if parameters and parameters[0].name == "self":
        del parameters[0]
    return full.replace(parameters=parameters)


def lines():
    """Returns the lines of the list."""
    objects = public_objects()
    return [
        name + _shown(value)
        for name, value in objects.items()
        if not _is_inherited(name, objects)
    ]


def is_ours(cls):
    """Returns whether a class is defined in the package."""
    return cls.__module__.startswith("keras_anytime")


def _add_module(objects, name, module):
    objects[name] = module
    for part in getattr(module, "__all__", ()):
        value = getattr(module, part)
        if inspect.ismodule(value):
            _add_module(objects, f"{name}.{part}", value)
        else:
            objects[f"{name}.{part}"] = value


def _members(name, cls):
    """Returns the public members of a class that the package defines."""
    # The signature shows the fields of a dataclass.
    fields = getattr(cls, "__dataclass_fields__", {})
    return {
        f"{name}.{member}": getattr(cls, member)
        for member in dir(cls)
        if (member == "__call__" or not member.startswith("_"))
        and member not in fields
        and is_ours(_owner(cls, member))
    }


def _is_inherited(name, objects):
    """Returns whether a listed base class shows the same member."""
    cls_name, _, member = name.rpartition(".")
    cls = objects.get(cls_name)
    if not inspect.isclass(cls):
        return False
    listed = [value for value in objects.values() if inspect.isclass(value)]
    return any(
        _shown(getattr(base, member)) == _shown(objects[name])
        for base in cls.__mro__[1:]
        if hasattr(base, member) and (base in listed or not is_ours(base))
    )


def _owner(cls, name):
    """Returns the class that defines the member of a class."""
    return next(base for base in cls.__mro__ if name in vars(base))


def _shown(value):
    full = signature(value)
    if full is None:
        return ""
    parameters = [
        parameter.replace(
            annotation=inspect.Parameter.empty,
            default=_default(parameter.default),
        )
        for parameter in full.parameters.values()
    ]
    return str(inspect.Signature(parameters))


def _default(value):
    """Returns a default in a form that shows no addresses in memory."""
    if value is inspect.Parameter.empty:
        return value
    if inspect.isroutine(value) or inspect.isclass(value):
        return _Source(value.__qualname__)
    if value is None or isinstance(value, (bool, int, float, str, tuple)):
        return value
    # `<factory>` stands for the default of a field that a function makes.
    if dataclasses.is_dataclass(value) or repr(value) == "<factory>":
        return value
    return _Source(f"{type(value).__name__}(...)")


if __name__ == "__main__":
    LIST.write_text("\n".join(lines()) + "\n")
    print(f"wrote {LIST}")

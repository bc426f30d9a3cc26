"""Keep the machine code of all passes in one file, with a function for each that Python can call (`stored.py`).

That function is written here, instruction by instruction: it looks at each argument (an array of NumPy's own type, so
many axes, the kind of number, C-contiguous, aligned, writable where the pass writes), hands its address and shape on,
and lets other threads of Python run meanwhile. Where fields of objects lie: CPython's `object.h` and NumPy's
`ndarraytypes.h` (PyArrayObject_fields and the head of PyArray_Descr), the same in NumPy 1 and 2 on machines of 64 bits.
How a pass takes arrays is Numba's own affair, and asked of it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.passes import Pass, declared, stored

TYPE, DATA, AXES, SHAPE, STRIDES, DESCRIPTION, FLAGS = 8, 16, 24, 32, 40, 56, 64
"""Where an array keeps these, in bytes from its beginning."""
BYTE_ORDER, NUMBER_KIND = 26, 28
"""The same of a description of numbers."""
C_CONTIGUOUS, ALIGNED, WRITABLE = 0x1, 0x100, 0x400
NUMBERS = {"float64": (12,), "float32": (11,), "int64": (7, 9), "uint64": (8, 10), "bool": (0,)}
"""NumPy's numbers for kinds of numbers on Linux: `long` and `long long` are both of 64 bits."""
NATIVE = (ord("="), ord("|"))
WAY_IN = frozenset({
    "NRT_Free", "NRT_MemInfo_call_dtor", "NRT_adapt_ndarray_from_python", "numba_do_raise", "numba_gil_ensure",
    "numba_gil_release", "numba_runtime_build_excinfo_struct", "numba_unpickle",
})  # fmt: skip
"""What Numba's own way into a pass calls, and a pass that makes no arrays does not."""


def store() -> Path | None:
    """Keep all passes that this process has loaded; the file, or None where nothing could be kept.

    For a process that has loaded the model by Numba. Another process may do the same at once: the last file stands.
    """
    if not stored.can_store():
        return None
    passes = [each for each in declared() if not isinstance(each, Pass) and hasattr(each, "overloads")]
    kept, objects, never_called = [], [], set()
    for dispatcher in passes:
        codes = [_object_code(dispatcher, result) for result in dispatcher.overloads.values()]
        outside = set().union(*(_outside(code) for code in codes)) if codes else set()
        own = {name for name in outside if not _known_to_system(name)}
        if codes and own <= WAY_IN:
            kept.append(dispatcher)
            objects += codes
            never_called |= own
    if not kept:
        return None
    entries = {stored.name_of(dispatcher.py_func): f"penstock_pass_{k}" for k, dispatcher in enumerate(kept)}
    objects.append(_ways_in(kept, list(entries.values())))
    head = {
        "circumstances": stored.circumstances(),
        "sources": {module: stored.source_of(module) for module in sorted({d.py_func.__module__ for d in passes})},
        "never_called": sorted(never_called),
        "passes": list(entries.items()),
        "lengths": [len(code) for code in objects],
    }
    return _write(json.dumps(head).encode(), objects)


def _write(head: bytes, objects: Sequence[bytes]) -> Path | None:
    rest = b"".join([len(head).to_bytes(8, "little"), head, *objects])
    whole = stored.MAGIC + hashlib.sha256(rest).digest() + rest
    for place in stored.places():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=place.stem)
        except OSError:
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(whole)
            os.replace(name, place)
        except OSError:
            with suppress(OSError):
                os.unlink(name)
            continue
        return place
    return None


def _object_code(dispatcher: Any, result: Any) -> bytes:
    """What Numba's compiler made of a pass: kept since it was compiled, or in Numba's cache."""
    try:
        return bytes(result.library._get_compiled_object())
    except RuntimeError:
        cache = dispatcher._cache
        key = cache._index_key(result.signature, result.library.codegen)
        libdata = cache._cache_file.load(key)[0]
        return bytes(libdata[2][0])


def _known_to_system(name: str) -> bool:
    """Whether a process finds a function of this name without Numba."""
    return hasattr(ctypes.CDLL(None), name)


def _outside(code: bytes) -> Iterator[str]:
    """Names that an object file does not define (ELF of 64 bits, little-endian: System V ABI, chapter 4)."""
    (sections_at,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, sections_at + k * size) for k in range(count)]
    for _, kind, _, _, start, length, link, *_ in sections:
        if kind != 2:  # a table of symbols
            continue
        names_at = sections[link][4]
        for place in range(start, start + length, 24):
            name_at, _, _, section, _, _ = struct.unpack_from("<IBBHQQ", code, place)
            if section == 0 and name_at:
                end = code.index(b"\0", names_at + name_at)
                yield code[names_at + name_at : end].decode()


def _ways_in(dispatchers: Sequence[Any], entries: Sequence[str]) -> bytes:
    """An object file with one function for each pass, which Python calls."""
    import llvmlite.binding as llvm
    from llvmlite import ir

    module = ir.Module("penstock_passes")
    module.triple = llvm.get_default_triple()
    for dispatcher, entry in zip(dispatchers, entries, strict=True):
        _WayIn(module, dispatcher, entry).write()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1,
        codemodel="jitdefault", jit=True,
    )  # fmt: skip
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return bytes(target.emit_object(parsed))


class _WayIn:
    """What Python calls for one pass: a function of C that takes itself, the arguments and their number."""

    def __init__(self, module: Any, dispatcher: Any, entry: str) -> None:
        from llvmlite import ir

        self.ir, self.module, self.dispatcher = ir, module, dispatcher
        self.byte, self.word, self.short = ir.IntType(8), ir.IntType(64), ir.IntType(32)
        self.object = self.byte.as_pointer()
        kind = ir.FunctionType(self.object, [self.object, self.object.as_pointer(), self.word])
        self.function = ir.Function(module, kind, name=entry)
        self.builder = ir.IRBuilder(self.function.append_basic_block("begin"))

    def write(self) -> None:
        """Try each signature in turn; the first that the arguments have is called."""
        ir, builder = self.ir, self.builder
        _, given, count = self.function.args
        results = list(self.dispatcher.overloads.values())
        refused = self.function.append_basic_block("refused")
        length = len(results[0].signature.args)
        right = builder.icmp_signed("==", count, ir.Constant(self.word, length))
        looks = self.function.append_basic_block("looks")
        builder.cbranch(right, looks, refused)
        reasons = [(ir.Constant(self.word, -1), builder.block)]
        builder.position_at_end(looks)
        objects = [builder.load(builder.gep(given, [ir.Constant(self.word, k)])) for k in range(length)]
        for which, result in enumerate(results):
            last = which + 1 == len(results)
            other = refused if last else self.function.append_basic_block("other")
            failed = self._look(objects, result.signature.args, other)
            if last:
                reasons += failed
            self._call(objects, result)
            builder.position_at_end(other)
        builder.position_at_end(refused)
        reason = builder.phi(self.word)
        for value, block in reasons:
            reason.add_incoming(value, block)
        self._refuse(reason, count, length)

    def _look(self, objects: Sequence[Any], kinds: Sequence[Any], other: Any) -> list[tuple[Any, Any]]:
        """Go on where each array is of its kind, to `other` where one is not; from which blocks, for which argument."""
        ir, builder, failed = self.ir, self.builder, []
        for k, (thing, kind) in enumerate(zip(objects, kinds, strict=True)):
            if not hasattr(kind, "ndim"):
                continue
            ndarray = self._outside_name(stored.NDARRAY)
            for test in self._tests(thing, kind, ndarray):
                good = self.function.append_basic_block("good")
                failed.append((ir.Constant(self.word, k), builder.block))
                builder.cbranch(test(), good, other)
                builder.position_at_end(good)
        return failed

    def _tests(self, thing: Any, kind: Any, ndarray: Any) -> Iterator[Any]:
        ir, builder = self.ir, self.builder
        yield lambda: builder.icmp_unsigned("==", self._field(thing, TYPE, self.object), ndarray)

        def looks() -> Any:
            axes = builder.icmp_signed("==", self._field(thing, AXES, self.short), ir.Constant(self.short, kind.ndim))
            flags = C_CONTIGUOUS | ALIGNED | (WRITABLE if kind.mutable else 0)
            wanted = ir.Constant(self.short, flags)
            has = builder.icmp_signed("==", builder.and_(self._field(thing, FLAGS, self.short), wanted), wanted)
            description = self._field(thing, DESCRIPTION, self.object)
            number = self._field(description, NUMBER_KIND, self.short)
            order = self._field(description, BYTE_ORDER, self.byte)
            numbers = [ir.Constant(self.short, each) for each in NUMBERS[str(kind.dtype)]]
            orders = [ir.Constant(self.byte, each) for each in NATIVE]
            for value, allowed in ((number, numbers), (order, orders)):
                among = [builder.icmp_signed("==", value, each) for each in allowed]
                has = builder.and_(has, among[0] if len(among) == 1 else builder.or_(*among))
            return builder.and_(axes, has)

        yield looks

    def _field(self, thing: Any, place: int, kind: Any) -> Any:
        """What stands at a place of an object."""
        at = self.builder.gep(thing, [self.ir.Constant(self.word, place)])
        return self.builder.load(self.builder.bitcast(at, kind.as_pointer()))

    def _outside_name(self, name: str) -> Any:
        if name not in self.module.globals:
            self.ir.GlobalVariable(self.module, self.byte, name)
        return self.module.globals[name]

    def _outside_function(self, name: str, answer: Any, *arguments: Any, more: bool = False) -> Any:
        if name not in self.module.globals:
            self.ir.Function(self.module, self.ir.FunctionType(answer, arguments, var_arg=more), name=name)
        return self.module.globals[name]

    def _call(self, objects: Sequence[Any], result: Any) -> None:
        """Hand the arguments on, and answer."""
        builder, context = self.builder, result.target_context
        function = context.declare_function(self.module, result.fndesc)
        values = [self._value(thing, kind, context) for thing, kind in zip(objects, result.signature.args, strict=True)]
        thread = builder.call(self._outside_function("PyEval_SaveThread", self.object), [])
        status, answer = context.call_conv.call_function(
            builder, function, result.signature.return_type, result.signature.args, values
        )
        builder.call(self._outside_function("PyEval_RestoreThread", self.ir.VoidType(), self.object), [thread])
        with builder.if_then(status.is_error, likely=False):
            self._raise("PyExc_RuntimeError", "%s: failed", self._text(self.dispatcher.py_func.__name__))
        builder.ret(self._answer(answer, str(result.signature.return_type)))

    def _value(self, thing: Any, kind: Any, context: Any) -> Any:
        """An argument as Numba hands it from pass to pass."""
        if hasattr(kind, "ndim"):
            return self._array(thing, kind, context)
        call, ir = self.builder.call, self.ir
        if str(kind) == "bool":
            value = call(self._outside_function("PyObject_IsTrue", self.short, self.object), [thing])
            value = self.builder.icmp_signed("!=", value, ir.Constant(self.short, 0))
        elif str(kind) == "float64":
            value = call(self._outside_function("PyFloat_AsDouble", ir.DoubleType(), self.object), [thing])
        else:
            whole = call(self._outside_function("PyNumber_Index", self.object, self.object), [thing])
            with self.builder.if_then(self.builder.icmp_unsigned("==", whole, ir.Constant(self.object, None))):
                self.builder.ret(ir.Constant(self.object, None))
            reader = {"int64": "PyLong_AsLongLong", "uint64": "PyLong_AsUnsignedLongLong"}[str(kind)]
            value = call(self._outside_function(reader, self.word, self.object), [whole])
            call(self._outside_function("Py_DecRef", ir.VoidType(), self.object), [whole])
        raised = call(self._outside_function("PyErr_Occurred", self.object), [])
        with self.builder.if_then(
            self.builder.icmp_unsigned("!=", raised, ir.Constant(self.object, None)), likely=False
        ):
            self.builder.ret(ir.Constant(self.object, None))
        return value

    def _array(self, thing: Any, kind: Any, context: Any) -> Any:
        from numba.np import arrayobj

        ir, builder = self.ir, self.builder
        view = arrayobj.make_array(kind)(context, builder)
        words = self.word.as_pointer()
        shape_at, strides_at = (self._field(thing, place, words) for place in (SHAPE, STRIDES))
        shape, strides = (
            [builder.load(builder.gep(at, [ir.Constant(self.word, axis)])) for axis in range(kind.ndim)]
            for at in (shape_at, strides_at)
        )
        data = self._field(thing, DATA, view.data.type)
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        arrayobj.populate_array(
            view, data=data, shape=shape, strides=strides, itemsize=ir.Constant(self.word, size), meminfo=None
        )
        return view._getvalue()

    def _answer(self, answer: Any, kind: str) -> Any:
        ir, call = self.ir, self.builder.call
        if kind == "none":
            nothing = self._outside_name("_Py_NoneStruct")
            call(self._outside_function("Py_IncRef", ir.VoidType(), self.object), [nothing])
            return nothing
        if kind == "bool":
            wide = self.builder.zext(answer, self.word)
            return call(self._outside_function("PyBool_FromLong", self.object, self.word), [wide])
        return call(self._outside_function("PyLong_FromLongLong", self.object, self.word), [answer])

    def _refuse(self, reason: Any, count: Any, length: int) -> None:
        """A TypeError that names the argument, or the number of them."""
        name = self._text(self.dispatcher.py_func.__name__)
        few = self.builder.icmp_signed("<", reason, self.ir.Constant(self.word, 0))
        with self.builder.if_then(few):
            text = f"%s: found %zd arguments; expected {length}"
            self._raise("PyExc_TypeError", text, name, count)
        text = "%s: argument %zd (from 0) is no array of the type and layout that the pass was compiled for"
        self._raise("PyExc_TypeError", text, name, reason)

    def _raise(self, error: str, text: str, *values: Any) -> None:
        kind = self.builder.load(self.builder.bitcast(self._outside_name(error), self.object.as_pointer()))
        function = self._outside_function("PyErr_Format", self.object, self.object, self.object, more=True)
        self.builder.ret(self.builder.call(function, [kind, self._text(text), *values]))

    def _text(self, text: str) -> Any:
        """A text that stands in the object, once."""
        name = "text_" + hashlib.sha256(text.encode()).hexdigest()[:16]
        if name not in self.module.globals:
            content = bytearray(text.encode() + b"\0")
            kind = self.ir.ArrayType(self.byte, len(content))
            known = self.ir.GlobalVariable(self.module, kind, name)
            known.linkage, known.global_constant = "internal", True
            known.initializer = self.ir.Constant(kind, content)
        return self.builder.bitcast(self.module.globals[name], self.object)

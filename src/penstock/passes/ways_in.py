"""One function for each pass that Python can call, in LLVM's language (LLVM Language Reference Manual).

`take` looks at the arguments of a call as a table says: of an array, whether it is of NumPy's own type, has so many
axes, the kind of number, is C-contiguous, aligned, and writable where the pass writes. It puts into a row of words what
the pass is handed: of an array its address, size and shape. The function of each pass calls it, hands the words on, and
lets other threads of Python run meanwhile.

Where fields of objects lie: CPython's `object.h` and NumPy's `ndarraytypes.h` (PyArrayObject_fields and the head of
PyArray_Descr), the same in NumPy 1 and 2 on machines of 64 bits. How a pass is handed an array is Numba's own affair
(`numba/core/datamodel/models.py`, ArrayModel): `_handed` refuses another layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

C_CONTIGUOUS, ALIGNED, WRITABLE = 0x1, 0x100, 0x400
NUMBERS = {"float64": (12,), "float32": (11,), "int32": (5,), "int64": (7, 9), "uint64": (8, 10), "bool": (0,)}
"""NumPy's numbers for kinds of numbers on Linux: `long` and `long long` are both of 64 bits."""
SIZES = {"float64": 8, "float32": 4, "int32": 4, "int64": 8, "uint64": 8, "bool": 1}
SINGLE = {"float64": -1, "int64": -2, "uint64": -3, "bool": -4}
"""What stands in the place of the number of axes for an argument that is a number."""
TAKEN, RAISED = -1, -2
"""Answers of `take` besides the place of the argument that it refuses."""
OK = (0, -2)
"""Numba's status of a call that ended well, with an answer or with None."""

SHARED = """
@penstock_ndarray = external global i8
@_Py_NoneStruct = external global i8
@penstock_type_error = external global i8
@penstock_runtime_error = external global i8
declare ptr @PyErr_Format(ptr, ptr, ...)
declare ptr @PyErr_Occurred()
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyNumber_Index(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsUnsignedLongLong(ptr)
declare i32 @PyObject_IsTrue(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
define internal i64 @take(ptr %given, i64 %count, ptr %kinds, ptr %slots) {
begin:
  br label %each
each:
  %k = phi i64 [0, %begin], [%k.next, %next]
  %slot = phi i64 [0, %begin], [%slot.next, %next]
  %end = icmp eq i64 %k, %count
  br i1 %end, label %taken, label %look
taken:
  ret i64 -1
look:
  %thing.at = getelementptr ptr, ptr %given, i64 %k
  %thing = load ptr, ptr %thing.at
  %kind = getelementptr [4 x i64], ptr %kinds, i64 %k
  %axes = load i64, ptr %kind
  %out = getelementptr i64, ptr %slots, i64 %slot
  %is.array = icmp sgt i64 %axes, 0
  br i1 %is.array, label %array, label %number

array:
  %type.at = getelementptr i8, ptr %thing, i64 8
  %type = load ptr, ptr %type.at
  %is.ndarray = icmp eq ptr %type, @penstock_ndarray
  br i1 %is.ndarray, label %ndarray, label %refused
ndarray:
  %axes.at = getelementptr i8, ptr %thing, i64 24
  %axes.found = load i32, ptr %axes.at
  %axes.wide = sext i32 %axes.found to i64
  %good.axes = icmp eq i64 %axes.wide, %axes
  %flags.at = getelementptr i8, ptr %thing, i64 64
  %flags.short = load i32, ptr %flags.at
  %flags = zext i32 %flags.short to i64
  %wanted.at = getelementptr i64, ptr %kind, i64 1
  %wanted = load i64, ptr %wanted.at
  %flags.had = and i64 %flags, %wanted
  %good.flags = icmp eq i64 %flags.had, %wanted
  %description.at = getelementptr i8, ptr %thing, i64 56
  %description = load ptr, ptr %description.at
  %order.at = getelementptr i8, ptr %description, i64 26
  %order = load i8, ptr %order.at
  %native = icmp eq i8 %order, 61
  %no.order = icmp eq i8 %order, 124
  %good.order = or i1 %native, %no.order
  %number.at = getelementptr i8, ptr %description, i64 28
  %number.short = load i32, ptr %number.at
  %number.small = icmp ult i32 %number.short, 64
  %number.kind = zext i32 %number.short to i64
  %number.bit = shl i64 1, %number.kind
  %numbers.at = getelementptr i64, ptr %kind, i64 2
  %numbers = load i64, ptr %numbers.at
  %number.among = and i64 %number.bit, %numbers
  %number.one = icmp ne i64 %number.among, 0
  %good.number = select i1 %number.small, i1 %number.one, i1 false
  %good.1 = and i1 %good.axes, %good.flags
  %good.2 = and i1 %good.order, %good.number
  %good = and i1 %good.1, %good.2
  br i1 %good, label %fields, label %refused
fields:
  %data.at = getelementptr i8, ptr %thing, i64 16
  %data = load i64, ptr %data.at
  %shape.at = getelementptr i8, ptr %thing, i64 32
  %shape = load ptr, ptr %shape.at
  %strides.at = getelementptr i8, ptr %thing, i64 40
  %strides = load ptr, ptr %strides.at
  %size.at = getelementptr i64, ptr %kind, i64 3
  %size = load i64, ptr %size.at
  store i64 0, ptr %out
  %out.1 = getelementptr i64, ptr %out, i64 1
  store i64 0, ptr %out.1
  %out.3 = getelementptr i64, ptr %out, i64 3
  store i64 %size, ptr %out.3
  %out.4 = getelementptr i64, ptr %out, i64 4
  store i64 %data, ptr %out.4
  %out.shape = getelementptr i64, ptr %out, i64 5
  %out.strides = getelementptr i64, ptr %out.shape, i64 %axes
  br label %axis
axis:
  %a = phi i64 [0, %fields], [%a.next, %axis]
  %items = phi i64 [1, %fields], [%items.next, %axis]
  %length.at = getelementptr i64, ptr %shape, i64 %a
  %length = load i64, ptr %length.at
  %items.next = mul i64 %items, %length
  %out.length = getelementptr i64, ptr %out.shape, i64 %a
  store i64 %length, ptr %out.length
  %stride.at = getelementptr i64, ptr %strides, i64 %a
  %stride = load i64, ptr %stride.at
  %out.stride = getelementptr i64, ptr %out.strides, i64 %a
  store i64 %stride, ptr %out.stride
  %a.next = add i64 %a, 1
  %more = icmp slt i64 %a.next, %axes
  br i1 %more, label %axis, label %array.taken
array.taken:
  %out.2 = getelementptr i64, ptr %out, i64 2
  store i64 %items.next, ptr %out.2
  %two.axes = mul i64 %axes, 2
  %used = add i64 %two.axes, 5
  br label %next

number:
  switch i64 %axes, label %whole [i64 -1, label %real
                                  i64 -4, label %flag]
real:
  %real.value = call double @PyFloat_AsDouble(ptr %thing)
  store double %real.value, ptr %out
  br label %number.taken
flag:
  %flag.short = call i32 @PyObject_IsTrue(ptr %thing)
  %flag.value = sext i32 %flag.short to i64
  store i64 %flag.value, ptr %out
  br label %number.taken
whole:
  %index = call ptr @PyNumber_Index(ptr %thing)
  %no.index = icmp eq ptr %index, null
  br i1 %no.index, label %raised, label %whole.read
whole.read:
  %signed = icmp eq i64 %axes, -2
  br i1 %signed, label %whole.signed, label %whole.unsigned
whole.signed:
  %signed.value = call i64 @PyLong_AsLongLong(ptr %index)
  br label %whole.store
whole.unsigned:
  %unsigned.value = call i64 @PyLong_AsUnsignedLongLong(ptr %index)
  br label %whole.store
whole.store:
  %whole.value = phi i64 [%signed.value, %whole.signed], [%unsigned.value, %whole.unsigned]
  call void @Py_DecRef(ptr %index)
  store i64 %whole.value, ptr %out
  br label %number.taken
number.taken:
  %error = call ptr @PyErr_Occurred()
  %no.error = icmp eq ptr %error, null
  br i1 %no.error, label %next, label %raised

next:
  %step = phi i64 [%used, %array.taken], [1, %number.taken]
  %slot.next = add i64 %slot, %step
  %k.next = add i64 %k, 1
  br label %each
refused:
  ret i64 %k
raised:
  ret i64 -2
}

define internal ptr @refuse(ptr %name, i64 %which) {
  %none = call ptr (ptr, ptr, ...) @PyErr_Format(ptr @penstock_type_error, ptr @other, ptr %name, i64 %which)
  ret ptr null
}

define internal ptr @refuse_count(ptr %name, i64 %found, i64 %wanted) {
  %none = call ptr (ptr, ptr, ...) @PyErr_Format(ptr @penstock_type_error, ptr @few, ptr %name, i64 %found, i64 %wanted)
  ret ptr null
}

define internal ptr @fail(ptr %name) {
  %none = call ptr (ptr, ptr, ...) @PyErr_Format(ptr @penstock_runtime_error, ptr @failed, ptr %name)
  ret ptr null
}
"""

TEXTS = {
    "few": "%s: found %zd arguments; expected %zd",
    "other": "%s: argument %zd is no array of the type and layout that the pass was compiled for",
    "failed": "%s: failed",
}

ANSWERS = {
    "none": "  call void @Py_IncRef(ptr @_Py_NoneStruct)\n  ret ptr @_Py_NoneStruct\n",
    "bool": "  {v} = load i8, ptr %answer\n  {v}.wide = zext i8 {v} to i64\n"
    "  {v}.object = call ptr @PyBool_FromLong(i64 {v}.wide)\n  ret ptr {v}.object\n",
    "int64": "  {v} = load i64, ptr %answer\n"
    "  {v}.object = call ptr @PyLong_FromLongLong(i64 {v})\n  ret ptr {v}.object\n",
}
"""How an answer becomes an object, by Numba's name of its kind."""


def ways_in(dispatchers: Sequence[Any], entries: Sequence[str]) -> bytes:
    """An object file with one function for each pass. Raises LookupError where a pass has what this does not know."""
    import llvmlite.binding as llvm

    parts = [SHARED, *(_text(name, text) for name, text in TEXTS.items())]
    for dispatcher, entry in zip(dispatchers, entries, strict=True):
        parts.append(_way_in(dispatcher, entry))
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1,
        codemodel="jitdefault", jit=True,
    )  # fmt: skip
    module = llvm.parse_assembly("".join(parts))
    module.verify()
    return bytes(target.emit_object(module))


def _way_in(dispatcher: Any, entry: str) -> str:
    """Try each signature in turn: the first that the arguments have is called."""
    results = list(dispatcher.overloads.values())
    name, length = dispatcher.py_func.__name__, len(results[0].signature.args)
    handed = [_handed(result) for result in results]
    room = max(len(words) for words in handed)
    out = [
        _text(f"{entry}.name", name),
        *(_table(f"{entry}.kinds{k}", result.signature.args) for k, result in enumerate(results)),
        *(f'declare i32 @"{r.fndesc.llvm_func_name}"({_types(w)})\n' for r, w in zip(results, handed, strict=True)),
        f"define ptr @{entry}(ptr %self, ptr %given, i64 %count) {{\n",
        f"  %slots = alloca [{room} x i64], align 8\n  %answer = alloca i64\n  %exception = alloca ptr\n",
        f"  %right = icmp eq i64 %count, {length}\n  br i1 %right, label %try0, label %few\n",
    ]
    for k, (result, words) in enumerate(zip(results, handed, strict=True)):
        other = f"%try{k + 1}" if k + 1 < len(results) else "%refused"
        out += [
            f"try{k}:\n  %t{k} = call i64 @take(ptr %given, i64 {length}, ptr @{entry}.kinds{k}, ptr %slots)\n",
            f"  switch i64 %t{k}, label {other} [i64 {TAKEN}, label %call{k}\n i64 {RAISED}, label %raised]\n",
            *_call(k, result, words, entry),
        ]
    out += [
        f"refused:\n  %r = call ptr @refuse(ptr @{entry}.name, i64 %t{len(results) - 1})\n  ret ptr %r\n",
        f"few:\n  %c = call ptr @refuse_count(ptr @{entry}.name, i64 %count, i64 {length})\n  ret ptr %c\n",
        "raised:\n  ret ptr null\n}\n",
    ]
    return "".join(out)


def _call(k: int, result: Any, words: Sequence[str], entry: str) -> Iterator[str]:
    """Hand the words on, and answer."""
    yield f"call{k}:\n"
    for place, kind in enumerate(words):
        yield f"  %p{k}.{place} = getelementptr i64, ptr %slots, i64 {place}\n"
        # of a flag, the first byte of the word
        yield f"  %v{k}.{place} = load {'i8' if kind == 'i1' else kind}, ptr %p{k}.{place}\n"
        if kind == "i1":
            yield f"  %b{k}.{place} = trunc i8 %v{k}.{place} to i1\n"
    given = "".join(f", {kind} %{'b' if kind == 'i1' else 'v'}{k}.{place}" for place, kind in enumerate(words))
    yield f"  %thread{k} = call ptr @PyEval_SaveThread()\n"
    yield f'  %status{k} = call i32 @"{result.fndesc.llvm_func_name}"(ptr %answer, ptr %exception{given})\n'
    yield f"  call void @PyEval_RestoreThread(ptr %thread{k})\n"
    yield f"  switch i32 %status{k}, label %failed{k} [{' '.join(f'i32 {ok}, label %good{k}' for ok in OK)}]\n"
    yield f"failed{k}:\n  %f{k} = call ptr @fail(ptr @{entry}.name)\n  ret ptr %f{k}\n"
    yield f"good{k}:\n" + ANSWERS[str(result.signature.return_type)].format(v=f"%a{k}")


def _text(name: str, text: str) -> str:
    return f'@{name} = internal constant [{len(text) + 1} x i8] c"{text}\\00"\n'


def _types(words: Sequence[str]) -> str:
    return ", ".join(["ptr", "ptr", *words])


def _handed(result: Any) -> list[str]:
    """Types of the words that a pass is handed. Raises LookupError where Numba does it in another way than known."""
    kinds = result.signature.args
    declared = result.target_context.call_conv.get_function_type(result.fndesc.restype, kinds).args[2:]
    words = ["ptr" if hasattr(kind, "pointee") or kind.__class__.__name__ == "PointerType" else str(kind)
             for kind in declared]  # fmt: skip
    expected: list[tuple[str, ...]] = []
    for kind in kinds:
        if hasattr(kind, "ndim"):
            expected += [("ptr",), ("ptr",), ("i64",), ("i64",), ("ptr",), *[("i64",)] * (2 * kind.ndim)]
        else:
            expected.append({"float64": ("double",), "bool": ("i1", "i8")}.get(str(kind), ("i64",)))
    if len(words) != len(expected) or any(word not in known for word, known in zip(words, expected, strict=True)):
        raise LookupError(f"{result.fndesc.qualname}: arguments are handed on as {', '.join(words)}")
    return words


def _table(name: str, kinds: Sequence[Any]) -> str:
    """What `take` looks for: of each argument axes, flags, NumPy's numbers of its kind as bits, and size."""
    rows = []
    for kind in kinds:
        if hasattr(kind, "ndim"):
            number = str(kind.dtype)
            flags = C_CONTIGUOUS | ALIGNED | (WRITABLE if kind.mutable else 0)
            row = (kind.ndim, flags, sum(1 << each for each in NUMBERS[number]), SIZES[number])
        else:
            row = (SINGLE[str(kind)], 0, 0, 0)
        rows.append("[4 x i64] [" + ", ".join(f"i64 {word}" for word in row) + "]")
    return f"@{name} = internal constant [{len(rows)} x [4 x i64]] [{', '.join(rows)}]\n"

"""Statements that every update runs: prepared once, then handed to the driver as they are.

Looking after one execution and its result costs SQLAlchemy several times what the database needs
for the work itself. Here the text of a statement, and what turns values into the driver's and back,
is made once a kind of database; a run is then little more than the driver's own. Connection,
transaction and errors are the session's all the same.

Such a statement does not see what the session has not flushed yet, and brings no objects back: who
wants the object of a row asks the session, or has `adopt` make it of a row just written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Select, UpdateBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, make_transient_to_detached

from models import Base

Row = TypeVar("Row", bound=Base)
Values = tuple[Any, ...]
_Turns = Callable[[Any], Any]


class Prepared:
    """A statement whose text is made once."""

    def __init__(
        self, statement: Select[*tuple[Any, ...]] | UpdateBase, *, columns: Sequence[str] = ()
    ) -> None:
        """Nothing is made yet.

        Args:
            statement: with a `bindparam` for each value it is run with. An IN list has to have a
                `bindparam` for each of its members, too.
            columns: of an INSERT, those it is run with.
        """
        self._statement = statement
        self._columns = columns
        self._forms: dict[str, _Form] = {}

    def run(self, session: Session, **values: Any) -> None:
        """Run it for what it changes."""
        self.rows(session, **values)

    def scalar(self, session: Session, **values: Any) -> Any:
        """The first value of the first row; None if there is no row."""
        rows = self.rows(session, **values)
        return rows[0][0] if rows else None

    def first(self, session: Session, **values: Any) -> Values | None:
        """The first row; None if there is none."""
        rows = self.rows(session, **values)
        return rows[0] if rows else None

    def many(self, session: Session, runs: Sequence[Mapping[str, Any]]) -> None:
        """Run it several times for what it changes, in one go where the driver can.

        Args:
            session: the transaction.
            runs: the values of each run.
        """
        connection = session.connection()
        form = self._form(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(form.text, [form.given(values) for values in runs])
        except connection.dialect.loaded_dbapi.Error as error:
            raise _known(error, form.text, connection) from error
        finally:
            cursor.close()

    def rows(self, session: Session, **values: Any) -> Sequence[Values]:
        """Run it.

        Args:
            session: the transaction.
            values: one for each `bindparam` or column.

        Returns:
            All rows that come back.

        Raises:
            DBAPIError: of the same kinds as the session's own.
        """
        connection = session.connection()
        form = self._form(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(form.text, form.given(values))
            if not form.types:
                return ()
            rows = cursor.fetchall()
            if form.out_of is None:
                form.out_of = _out_of(form.types, cursor.description, connection.dialect)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _known(error, form.text, connection) from error
        finally:
            cursor.close()
        return form.taken(rows)

    def _form(self, dialect: Dialect) -> "_Form":
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form(self._statement, self._columns, dialect)
        return form


@dataclass(slots=True)
class _Form:
    """What a statement is to one kind of database.

    Attributes:
        text: the SQL.
        names: of the values; in the order of their marks, where the marks have no names.
        by_position: the marks have no names.
        fixed: values that stand in the statement itself.
        into: what some values go through on their way to the driver.
        types: of the columns that come back.
        out_of: by column, what its values go through on their way back; known from the first run.
    """

    text: str
    names: tuple[str, ...]
    by_position: bool
    fixed: Mapping[str, Any]
    into: Mapping[str, _Turns]
    types: Sequence[Any]
    out_of: Sequence[tuple[int, _Turns]] | None = None

    def given(self, values: Mapping[str, Any]) -> Any:
        """What the driver is given."""
        if self.fixed:
            values = {**self.fixed, **values}
        into = self.into
        turned = [into[name](values[name]) if name in into else values[name] for name in self.names]
        return turned if self.by_position else dict(zip(self.names, turned, strict=True))

    def taken(self, rows: Sequence[Values]) -> Sequence[Values]:
        """What came back, as the domain has it."""
        if not self.out_of:
            return rows
        return [self._row(row) for row in rows]

    def _row(self, row: Values) -> Values:
        values = list(row)
        for at, turns in self.out_of or ():
            values[at] = turns(values[at])
        return tuple(values)


def _form(statement: Any, columns: Sequence[str], dialect: Dialect) -> _Form:
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(columns) or None)
    if compiled.post_compile_params:
        raise ValueError(f"an IN list without a bindparam for each member: {statement}")
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise ValueError(f"a column whose default is not the database's is missing: {statement}")
    binds = compiled.binds
    names = compiled.positiontup if compiled.positional else list(binds)
    into = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bind in binds.items()
    }
    back = (
        statement.column_descriptions
        if isinstance(statement, Select)
        else statement.returning_column_descriptions
    )
    return _Form(
        text=compiled.string,
        names=tuple(names),
        by_position=compiled.positional,
        fixed={name: bind.value for name, bind in binds.items() if not bind.required},
        into={name: turns for name, turns in into.items() if turns is not None},
        types=[column["type"] for column in back],
    )


def _out_of(types: Sequence[Any], described: Any, dialect: Dialect) -> list[tuple[int, _Turns]]:
    """What the columns that come back go through, by what the driver says of them."""
    each = [
        kind.dialect_impl(dialect).result_processor(dialect, column[1])
        for kind, column in zip(types, described, strict=True)
    ]
    return [(at, turns) for at, turns in enumerate(each) if turns is not None]


def _known(error: Any, text: str, connection: Connection) -> BaseException:
    """A driver's error as SQLAlchemy would have raised it, and without the values of the run."""
    dialect = connection.dialect
    gone = dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if gone:
        connection.invalidate(error)
    known: BaseException = DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=gone,
        dialect=dialect,
    )
    return known


def adopt(session: Session, *, model: type[Row], values: Mapping[str, Any]) -> Row:
    """The object of a row this transaction has just written, as if the session had loaded it.

    Args:
        session: the transaction; it has no object of this row yet.
        model: the table.
        values: of the row, its key among them. A column that is missing is read when asked for.

    Returns:
        The object.
    """
    row = model(**values)
    make_transient_to_detached(row)
    session.add(row)
    return row

"""Mutants of Rust sources, all of them in one build: each is a branch that is taken when RIVA_MUTANT is its number.

What is turned or deleted: comparisons and `&&` `||`, `!`, conditions of `if` and guards of match arms (always, never), arms
beside a wildcard, statements, and whole bodies of functions (an early return). A mutated branch holds the source as it was, so
that one mutant is active at a time, and mutants nest.
"""
import tree_sitter_rust
from tree_sitter import Language, Parser

PARSER = Parser(Language(tree_sitter_rust.language()))

TURNED = {
    '==': ['!='], '!=': ['=='], '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'],
    '&&': ['||'], '||': ['&&'], '+': ['-'], '-': ['+'],
}
SCALARS = {'usize', 'u8', 'u16', 'u32', 'u64', 'i32', 'i64', 'f64'}


def early_returns(kind):
    """What a function of this type can return without doing anything."""
    kind = kind.strip()
    if kind in ('', '()'):
        return ['']
    if kind == 'bool':
        return ['true', 'false']
    if kind in SCALARS:
        return ['0', '1']
    if kind.startswith('Option<'):
        return ['None']
    if kind.startswith(('Result<', 'Result <')):
        depth, inner = 0, ''
        for c in kind[kind.index('<') + 1:]:
            if c == ',' and depth == 0:
                break
            depth += {'<': 1, '(': 1, '>': -1, ')': -1}.get(c, 0)
            if depth < 0:
                break
            inner += c
        return ['Ok(())' if r == '' else f'Ok({r})' for r in early_returns(inner)]
    if kind.startswith(('impl ', '&', 'Pin<', 'Self')):
        return []
    return ['Default::default()']


class Mutant:
    def __init__(self, number, file, lines, function, what):
        self.number, self.file, self.lines, self.function, self.what = number, file, lines, function, what

    @property
    def line(self):
        """Where it begins."""
        return self.lines.start

    @property
    def key(self):
        """Names it in the list of those that are argued: without a line, which moves."""
        return f'{self.file}: {self.function}: {self.what}'


class File:
    """One source file, written anew with the mutants that are wanted."""

    def __init__(self, name, source, first, unwanted):
        self.name, self.source, self.unwanted = name, source, unwanted
        self.next, self.mutants, self.function = first, [], '-'
        self.text = self.emit(PARSER.parse(source).root_node)

    def raw(self, node):
        return self.source[node.start_byte:node.end_byte]

    def word(self, node):
        return ' '.join(self.raw(node).decode().split())

    def mutant(self, node, what):
        """The number of the next mutant, as a condition that says whether it is active; None if it is unwanted."""
        number, self.next = self.next, self.next + 1
        if number in self.unwanted:
            return None
        lines = range(node.start_point[0] + 1, node.end_point[0] + 2)
        self.mutants.append(Mutant(number, self.name, lines, self.function, what))
        return f'crate::mutant::on({number})'.encode()

    def emit(self, node):
        """The text of a node with all mutants in it."""
        if node.type == 'attribute_item' or node.type == 'macro_invocation' or 'comment' in node.type:
            return self.raw(node)
        if node.type in ('const_item', 'static_item', 'macro_definition', 'const_block'):
            return self.raw(node)
        if node.type == 'mod_item' and node.child_by_field_name('body') and self.is_test(node):
            return self.raw(node)
        if node.type in ('function_item', 'if_expression', 'match_arm'):
            return getattr(self, node.type)(node)
        inner = self.children(node)
        if node.type in ('binary_expression', 'unary_expression', 'expression_statement'):
            return getattr(self, node.type)(node, inner)
        return inner

    def children(self, node, replace=None):
        """The text of a node whose children are emitted; `replace` gives another text for some of them."""
        out, at = b'', node.start_byte
        for child in node.children:
            out += self.source[at:child.start_byte]
            out += replace[child.id] if replace and child.id in replace else self.emit(child)
            at = child.end_byte
        return out + self.source[at:node.end_byte]

    def is_test(self, node):
        before = node.prev_named_sibling
        while before is not None and (before.type == 'attribute_item' or 'comment' in before.type):
            if b'cfg(test)' in self.raw(before):
                return True
            before = before.prev_named_sibling
        return False

    def function_item(self, node):
        modifiers = next((self.raw(c) for c in node.children if c.type == 'function_modifiers'), b'')
        if b'const' in modifiers.split() or self.is_test(node):
            return self.raw(node)
        outer, self.function = self.function, self.word(node.child_by_field_name('name'))
        body = node.child_by_field_name('body')
        kind = node.child_by_field_name('return_type')
        returns = early_returns(self.word(kind) if kind else '')
        begins = b''
        for value in returns:
            on = self.mutant(body, f'returns {value}'.strip())
            if on:
                begins += b' if ' + on + b' { return ' + value.encode() + b'; }'
        # The body's own text, after its brace.
        text = self.children(body)
        inner = self.children(node, {body.id: text[:1] + begins + text[1:]})
        self.function = outer
        return inner

    def binary_expression(self, node, inner):
        left, operator, right = node.children[0], node.children[-2], node.children[-1]
        if any(c.type in ('let_condition', 'let_chain') for c in node.children):
            return inner
        sign = self.word(operator)
        branches = b''
        for other in TURNED.get(sign, []):
            on = self.mutant(operator, f'`{self.word(node)}`: {sign} is {other}')
            if on:
                turned = self.raw(left) + b' ' + other.encode() + b' ' + self.raw(right)
                branches += b'if ' + on + b' { ' + turned + b' } else '
        return b'(' + branches + b'{ ' + inner + b' })' if branches else inner

    def unary_expression(self, node, inner):
        if self.raw(node)[:1] != b'!':
            return inner
        on = self.mutant(node, f'`{self.word(node)}`: without !')
        return b'(if ' + on + b' { ' + self.raw(node)[1:] + b' } else { ' + inner + b' })' if on else inner

    def condition(self, node, text, of):
        """A condition that is always true, or always false."""
        if node.type in ('let_condition', 'let_chain'):
            on = self.mutant(node, f'{of} `{self.word(node)}`: never')
            return text + b' && !' + on if on else text
        always = self.mutant(node, f'{of} `{self.word(node)}`: always')
        never = self.mutant(node, f'{of} `{self.word(node)}`: never')
        if always:
            text = b'(' + always + b' || (' + text + b'))'
        return text + b' && !' + never if never else text

    def if_expression(self, node):
        condition = node.child_by_field_name('condition')
        text = self.condition(condition, self.emit(condition), 'if')
        return self.children(node, {condition.id: text})

    def match_arm(self, node):
        pattern = node.child_by_field_name('pattern')
        guard = pattern.child_by_field_name('condition')
        arms = [a for a in node.parent.named_children if a.type == 'match_arm']
        last = self.word(arms[-1].child_by_field_name('pattern'))
        if guard is not None:
            text = self.condition(guard, self.emit(guard), 'guard')
            return self.children(node, {pattern.id: self.children(pattern, {guard.id: text})})
        if last == '_' and node.id != arms[-1].id:
            on = self.mutant(node, f'no arm `{self.word(pattern)}`')
            if on:
                return self.children(node, {pattern.id: self.raw(pattern) + b' if !' + on})
        return self.children(node)

    def expression_statement(self, node, inner):
        first = node.children[0]
        if not inner.rstrip().endswith(b';') and first.type in ('if_expression', 'match_expression', 'for_expression',
                                                                  'loop_expression', 'while_expression', 'block'):
            return inner
        if first.type == 'macro_invocation' and self.word(first).startswith(('debug', 'tracing', 'assert')):
            return inner
        if not inner.rstrip().endswith(b';'):
            return inner
        on = self.mutant(node, f'without `{self.word(node)}`')
        return b'if !' + on + b' { ' + inner + b' }' if on else inner


def renumbered(files, roots, unwanted):
    """All files with their mutants; numbers are given in order, whatever is unwanted."""
    first, out = 1, []
    for name in files:
        with open(f'{roots}/{name}', 'rb') as f:
            file = File(name, f.read(), first, unwanted)
        first = file.next
        out.append(file)
    return out

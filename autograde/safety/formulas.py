r"""Formulas in Markdown: where they are, and the TeX in them that MathJax may be given.

Jupyter's renderers agree on ``$…$``, ``$$…$$``, ``\\(…\\)``, ``\\[…\\]`` and environments. The
time to find them here grows with the text's length, whatever is opened and never closed.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_DISPLAYED = """
align align* alignat alignat* Bmatrix bmatrix eqnarray eqnarray* equation equation* flalign flalign*
gather gather* matrix multline multline* pmatrix Vmatrix vmatrix
"""
_INNER = "aligned alignedat array cases dcases gathered rcases smallmatrix split subarray"
_COMMANDS = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu
nu xi omicron pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
aleph beth ell hbar hslash imath jmath wp Re Im partial nabla infty emptyset varnothing forall
exists nexists neg lnot top bot angle triangle square blacksquare Box Diamond diamond bigstar
star ast checkmark prime backprime complement surd sharp flat natural clubsuit diamondsuit
heartsuit spadesuit degree dagger ddagger S P
pm mp times div cdot circ bullet cap cup uplus sqcap sqcup vee wedge lor land setminus
smallsetminus wr oplus ominus otimes oslash odot bigcirc amalg rtimes ltimes
le leq leqslant ge geq geqslant ne neq lt gt ll gg lll ggg equiv sim simeq approx approxeq cong
ncong propto asymp doteq models vdash dashv Vdash vDash perp parallel nparallel mid nmid prec
succ preceq succeq subset supset subseteq supseteq subsetneq supsetneq nsubseteq nsupseteq
sqsubset sqsupset sqsubseteq sqsupseteq in ni notin not nleq ngeq nless ngtr lesssim gtrsim
triangleq coloneqq eqqcolon bowtie because therefore
leftarrow rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow longleftarrow
longrightarrow longleftrightarrow Longleftarrow Longrightarrow Longleftrightarrow uparrow
downarrow updownarrow Uparrow Downarrow Updownarrow to gets mapsto longmapsto hookrightarrow
hookleftarrow rightharpoonup rightharpoondown leftharpoonup leftharpoondown rightleftharpoons
leadsto rightsquigarrow nearrow searrow swarrow nwarrow iff implies impliedby nrightarrow
nleftarrow xrightarrow xleftarrow
sum prod coprod int iint iiint oint bigcap bigcup bigvee bigwedge bigoplus bigotimes bigodot
biguplus bigsqcup limits nolimits
arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf
limsup ln log max min Pr sec sin sinh sup tan tanh argmax argmin operatorname mod bmod pmod pod
frac dfrac tfrac cfrac binom dbinom tbinom choose over atop sqrt root of stackrel overset
underset substack sideset
hat widehat check tilde widetilde acute grave dot ddot dddot breve bar vec mathring overline
underline overbrace underbrace overrightarrow overleftarrow overleftrightarrow boxed cancel
left right middle big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm
Biggm lfloor rfloor lceil rceil langle rangle lvert rvert lVert rVert vert Vert lbrace rbrace
lbrack rbrack backslash ldots cdots vdots ddots dots dotsc dotsb dotsm dotsi colon cdotp ldotp
mathrm mathbf mathit mathsf mathtt mathcal mathscr mathfrak mathbb mathnormal boldsymbol bm
pmb bf it rm sf tt cal text textbf textit textrm textsf texttt textnormal mbox
displaystyle textstyle scriptstyle scriptscriptstyle
quad qquad enspace thinspace medspace thickspace negthinspace nonumber notag tag label ref
eqref hline cr newline space begin end phantom hphantom vphantom mathop mathbin mathrel mathord
mathopen mathclose mathpunct intertext
"""

DISPLAYED = frozenset(_DISPLAYED.split())
"""Environments that are formulas by themselves."""

ENVIRONMENTS = DISPLAYED | frozenset(_INNER.split())
"""Environments that set formulas; all but those are shown as text."""

COMMANDS = frozenset(_COMMANDS.split())
"""Commands that set signs and boxes of their own size.

None of them makes a link, loads a file, names a style, colours, moves its text over another's or
defines a command.
"""

_COMMAND = re.compile(r"\\([A-Za-z]+)")
_COMMENT = re.compile(r"(\\.)|%[^\n]*", re.DOTALL)
_DOLLAR = re.compile(r"(\\.)|\$", re.DOTALL)
_PIECE = re.compile(r"\\(begin|end)\{([A-Za-z]*\*?)\}")
_ROW = re.compile(r"(\\\\)\s*\*?\s*\[(?!\d{1,2}(?:\.\d{1,2})?(?:pt|em|ex|mm)\])")
_OPENER = re.compile(r"\$\$|\\\\\[|\\begin\{([A-Za-z]+\*?)\}")


def plain_commands(text: str) -> str:
    r"""Return text in which a blank breaks every command that is not on the list."""
    return _COMMAND.sub(lambda m: m[0] if m[1] in COMMANDS else rf"\ {m[1]}", text)


def clean_tex(tex: str, display: bool = False) -> str:
    """Return a formula on one line that MathJax sets, and that holds no Markdown and no HTML.

    Renderers do not agree where a formula ends (nbconvert looks for environments within others), so
    what stands in one must be harmless outside of it, too. Blanks mean nothing in TeX.
    """
    tex = " ".join(_COMMENT.sub(lambda m: m[1] or "", tex).split())
    if not _nested(tex):
        tex = re.sub(r"\\(?=(?:begin|end)(?![A-Za-z]))", r"\\ ", tex)
    tex = _ROW.sub(r"\1 {}[", plain_commands(tex))
    # Text in a displayed formula may hold a formula; a dollar elsewhere would end this one.
    tex = re.sub(r"\$\$+", "$", tex) if display else _DOLLAR.sub(lambda m: m[1] or r"\$", tex)
    tex = re.sub(r"([<&!\]])(?=[A-Za-z/!?#\[(:])", r"\1 ", tex.replace("`", "'"))
    return f"{tex} " if tex.endswith(("\\", "$")) else tex


def _nested(tex: str) -> bool:
    """Whether environments are known ones, and closed in the order in which they were opened."""
    opened = []
    for what, name in _PIECE.findall(tex):
        if what == "begin" and name in ENVIRONMENTS:
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    return not opened and len(_PIECE.findall(tex)) == len(
        re.findall(r"\\(?:begin|end)(?![A-Za-z])", tex)
    )


def formulas_plugin(parser: MarkdownIt) -> None:
    """Let a parser find formulas: tokens ``math_inline``, ``math_display`` and ``math_block``."""
    parser.inline.ruler.before("escape", "formula", _inline)
    ends = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "formula", _block, {"alt": ends})


def _inline(state: StateInline, silent: bool) -> bool:
    src, start = state.src, state.pos
    if src.startswith("$$", start):
        opener, closer, kind = "$$", "$$", "math_display"
    elif src.startswith("$", start):
        opener, closer, kind = "$", "$", "math_inline"
    elif src.startswith("\\\\(", start):
        opener, closer, kind = "\\\\(", "\\\\)", "math_inline"
    elif src.startswith("\\\\[", start):
        opener, closer, kind = "\\\\[", "\\\\]", "math_display"
    else:
        match = _PIECE.match(src, start, state.posMax)
        if match is None or match[1] != "begin" or match[2] not in DISPLAYED:
            return False
        opener, closer, kind = match[0], rf"\end{{{match[2]}}}", "math_display"
    end = _closing(state, closer, start + len(opener))
    if end < 0 or not src[start + len(opener) : end].strip():
        return False
    if not silent:
        token = state.push(kind, "math", 0)
        token.markup = opener
        token.content = src[start + len(opener) : end]
        if opener.startswith("\\b"):
            token.content = f"{opener}{token.content}{closer}"
    state.pos = end + len(closer)
    return True


def _closing(state: StateInline, closer: str, start: int) -> int:
    """Return where the closer stands from there on, or -1; what failed once is not tried again."""
    failed = state.env.setdefault("no formula ends", {})
    key = (closer, state.src, state.posMax)
    if start >= failed.get(key, state.posMax):
        return -1
    end = state.src.find(closer, start, state.posMax)
    while end >= 0 and closer[0] == "$" and _escaped(state.src, end, start):
        end = state.src.find(closer, end + 1, state.posMax)
    if end < 0:
        failed[key] = start
    return end


def _escaped(text: str, position: int, start: int) -> bool:
    """Whether an odd number of backslashes stands before that position."""
    before = position
    while before > start and text[before - 1] == "\\":
        before -= 1
    return (position - before) % 2 == 1


def _block(state: StateBlock, start: int, last: int, silent: bool) -> bool:
    """Read a formula that begins a line and ends one, whatever its lines look like between."""
    if state.is_code_block(start):
        return False
    position = state.bMarks[start] + state.tShift[start]
    match = _OPENER.match(state.src, position, state.eMarks[start])
    if match is None or (match[1] and match[1] not in DISPLAYED):
        return False
    opener = match[0]
    closer = rf"\end{{{match[1]}}}" if match[1] else "$$" if opener == "$$" else "\\\\]"
    line = _closing_line(state, closer, start, last, position + len(opener))
    if line is None:
        return False
    if silent:
        return True
    text = state.getLines(start, line + 1, state.blkIndent, False).strip()
    content = text[len(opener) : len(text) - len(closer)]
    if closer in content or not content.strip():  # two formulas on one line, or none
        return False
    token = state.push("math_block", "math", 0)
    token.block = True
    token.markup = opener
    token.content = f"{opener}{content}{closer}" if match[1] else content
    token.map = [start, line + 1]
    state.line = line + 1
    return True


def _closing_line(
    state: StateBlock, closer: str, start: int, last: int, position: int
) -> int | None:
    """Return the line that ends with the closer, before the block around it ends.

    The lines from which there is none are kept: each line is looked at once for each closer.
    """
    all_failed = state.env.setdefault("no formula's lines end with", {})
    failed = all_failed.get(closer, (0, 0))
    first, line = start + 1, start
    while line < last:
        if first <= line and failed[0] <= line < failed[1]:
            first, line = min(first, failed[0]), failed[1]
            continue
        if line > start and not state.isEmpty(line) and state.sCount[line] < state.blkIndent:
            break
        begin = position if line == start else state.bMarks[line]
        text = state.src[begin : state.eMarks[line]].rstrip()
        if text.endswith(closer):
            return line
        if line == start and closer in text:
            return None
        line += 1
    all_failed[closer] = (first, line)
    return None

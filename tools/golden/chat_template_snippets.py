#!/usr/bin/env python3
"""Small templates that pin down the language: one per rule, each rendered by transformers for the golden."""

VARIABLES = {
    "t": "Hello, World", "u": "naïve ΑΣ ǅ ß 你好 \U0001f600", "n": 7, "neg": -7, "f": 2.5, "big": 1e16, "small": 1e-05, "z": 0,
    "yes": True, "no": False, "nil": None, "l": [3, 1, 2], "e": [], "d": {"b": 1, "a": [1, "x"], "C": None}, "ed": {},
    "rows": [{"n": "b", "v": 2, "x": {"y": 1}}, {"n": "A", "v": 1, "x": {"y": 2}}, {"n": "b", "v": 3}],
    "deep": {"k": {"items": [1], "keys": 2}}, "html": "<a href=\"x\">'&</a>", "ws": " \t a  b \n c\u3000\n",
    "lines": "one\ntwo\r\n\nthree\rfour\u2028five", "s1": "it's", "s2": "both ' and \"", "ctl": "a\x00b\x1f\x7f\x85\u200b\ue000",
    "floats": [0.1, 1.0, 100.0, 1e22, 1.5e300, 123456.789, -0.0, 5e-324, 1e15, 123456789012345680.0],
}

# Characters whose upper, title or lower case is more than one character, or not the same for upper and title.
SPECIAL_CASE = "".join(c for c in map(chr, range(0x80, 0x20000)) if len({c.upper(), c.title()}) > 1 or len(c.upper() + c.lower()) > 2)
VARIABLES["special"] = SPECIAL_CASE

VALUES = r"""{{ t }} {{ n }} {{ f }} {{ big }} {{ small }} {{ yes }} {{ nil }} {{ l }} {{ d }} {{ e }} {{ ed }}
{{ floats }}
{{ [s1, s2, t, u, ctl, html] }}
{{ ctl }}
{{ (1,) }}{{ () }}{{ (1, 'a') }}{{ {1: 2, none: 'x', 1.5: true, (1,2): []} }}
{{ {'a': 1, 'a': 2} }}{{ {1: 'a', true: 'b', 1.0: 'c'} }}
{{ missing }}|{{ d.missing }}|{{ d['missing'] }}|{{ l[9] }}
{{ missing.x }}
{{ d.missing.x }}
{{ missing() }}
{{ missing + 1 }}
{{ missing ~ 1 }}
{{ missing == missing2 }}{{ missing == none }}{{ missing is none }}{{ missing != 1 }}
{{ missing < 1 }}
{{ missing|length }}{{ missing|list }}{{ missing in l }}{{ 1 in missing }}
{{ [missing] }}{{ missing|tojson }}
{{ [missing] }}{{ missing|string }}{{ missing|upper }}
{{ nil.x }}{{ n.x }}{{ t.x }}|
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }}
{{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 0.1 + 0.2 }} {{ 1e3 }} {{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e-7 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1.0 % 0 }}
{{ true + 1 }} {{ true * 3 }} {{ -true }} {{ +n }} {{ --n }} {{ -2 ** 2 }} {{ (-2) ** 2 }}
{{ 'a' + 'b' }} {{ 'a' * 3 }} {{ 3 * 'ab' }} {{ 'a' * -1 }}| {{ [1] + [2] }} {{ [0] * 3 }} {{ (1,) + (2,) }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ [1] + (2,) }}
{{ 'a' ~ 1 ~ none ~ true ~ [1] }} {{ 1 ~ 2 + 3 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' == 'a' }} {{ [1, 2] == [1, 2] }} {{ [1] == (1,) }} {{ d == d }}
{{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'Z' < 'a' }} {{ 1 <= 1.0 }} {{ 2 >= 3 }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }}
{{ 1 and 0 }} {{ 0 or 'x' }} {{ not 1 }} {{ not not '' }} {{ '' and 1 }}| {{ none or false }} {{ 1 and [] }}
{{ 'a' in 'abc' }} {{ 'd' not in 'abc' }} {{ 1 in l }} {{ 'b' in d }} {{ 'z' in d }} {{ 1.0 in l }} {{ (1,2) in [(1,2)] }}
{{ 1 in 'abc' }}
{{ [1] in d }}
{{ 'yes' if n else 'no' }} {{ 'yes' if z }}| {{ 1 if yes else 2 if no else 3 }} {{ ('a' if no else 'b') ~ 'c' }}
{{ l[0] }} {{ l[-1] }} {{ l.0 }} {{ t[0] }} {{ t[-1] }} {{ u[6] }} {{ u[-1] }} {{ rows[0].x.y }} {{ rows[0]['x']['y'] }}
{{ t[1:4] }} {{ t[:-1] }} {{ t[::-1] }} {{ t[::2] }} {{ t[5:2] }}| {{ l[1:] }} {{ l[::-1] }} {{ l[-2:] }} {{ l[10:] }} {{ u[6:9] }} {{ u[::-2] }} {{ (1,2,3)[1:] }}
{{ l[:1000000000000] }} {{ l[-1000000:] }} {{ l[2:0:-1] }} {{ l[none:none:none] }}
{{ l['a'] }}| {{ d[1] }}| {{ t['upper']() }} {{ d['items'] is callable }}
{{ l[::0] }}
{{ d[:1] }}
{{ missing[:1] }}
{{ l[1.0] }}|{{ l[true] }}
{{ deep.k.items is callable }} {{ deep.k['items'] }} {{ deep.k.keys is callable }} {{ deep['k'].get('keys') }}
{{ d.items() }} {{ d.keys() }} {{ d.values() }} {{ d.items()|list }} {{ d.keys()|length }}
{{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d.get('q', default=5) }}
{{ d.pop('b') }}
{{ l.append(4) }}
{% set x = l.append %}{{ x is defined }}
{{ d.update({'z': 1}) }}
{{ d.copy() }} {{ l.copy() }} {{ l.index(2) }} {{ l.count(1) }}
{{ l.index(99) }}
{{ t.upper() }} {{ t.lower() }} {{ u.upper() }} {{ u.lower() }} {{ u.title() }} {{ u.capitalize() }} {{ 'they\'re bill\'s'.title() }} {{ u.swapcase() }}
{{ 'ΑΣ ΑΣΑ Σ'.lower() }} {{ 'ŉ ǰ ﬁ ᾳ ᾈ'.upper() }} {{ 'İI'.lower() }} {{ 'ß ǆ ﬁ'.title() }}
{{ special|upper }} {{ special|lower }} {% for c in special %}{{ c.title() }}{{ c.capitalize() }}{{ c.upper() }} {% endfor %}
{{ [ws.strip(), ws.lstrip(), ws.rstrip()] }} {{ 'xxaxx'.strip('x') }} {{ 'abcba'.lstrip('ab') }} {{ 'éaé'.rstrip('é') }} {{ 'a'.strip(none) }}
{{ ws.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b  c '.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a--b'.split('--', maxsplit=1) }}
{{ 'a'.split('') }}
{{ lines.splitlines() }} {{ lines.splitlines(true) }} {{ ''.splitlines() }}
{{ t.startswith('Hell') }} {{ t.startswith(('x', 'H')) }} {{ t.endswith('d') }} {{ t.startswith('ello', 1) }} {{ ''.startswith('') }}
{{ t.startswith(1) }}
{{ t.replace('l', 'L') }} {{ t.replace('l', 'L', 1) }} {{ 'abc'.replace('', '-') }} {{ u.replace('', '.') }} {{ ''.replace('', 'x') }} {{ 'aaa'.replace('a', '', 2) }}
{{ ', '.join(['a', 'b']) }} {{ ''.join([]) }}|
{{ ','.join([1]) }}
{{ t.find('o') }} {{ t.rfind('o') }} {{ t.find('q') }} {{ u.find('你') }} {{ t.index('W') }} {{ t.count('l') }} {{ t.count('') }} {{ t.find('o', 5) }}
{{ t.index('q') }}
{{ t.partition(', ') }} {{ t.rpartition('o') }} {{ t.partition('q') }} {{ t.removeprefix('Hello') }} {{ t.removesuffix('x') }}
{{ [t.center(20, '*'), 'ab'.center(5), 'abc'.center(6), t.ljust(14), t.rjust(14, '.'), '-42'.zfill(6), '42'.zfill(1)] }}
{{ 'a1'.isalnum() }} {{ 'a'.isalpha() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isnumeric() }} {{ ' '.isspace() }} {{ ''.isspace() }} {{ 'aB'.islower() }} {{ 'AB1'.isupper() }} {{ 'é'.isascii() }} {{ '²'.isdecimal() }}
{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{x}-{y[0]}-{z.b}'.format(x=1, y=l, z=d) }} {{ '{{}}'.format() }} {{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }} {{ '{:05d} {:+d} {:,} {:x} {:#x} {:b} {:.2f} {:e} {:%} {:g}'.format(42, 5, 1234567, 255, 255, 5, 3.14159, 12345.678, 0.25, 0.0001) }} {{ '{!r} {!s}'.format('a', 'b') }} {{ '{:.3}'.format('abcdef') }} {{ '{:10.3f}|'.format(f) }}
{{ '{}'.format() }}
{{ '{a}'.format(b=1) }}
{{ '{'.format() }}
{{ '%s %d %5.2f %r %%' % ('a', 3, 2.5, 'q') }} {{ '%s' % 'x' }} {{ '%(a)s' % {'a': 1} }} {{ '%05d|%-5s|%5s|%+d|%x|%X|%o|%e|%g|%c' % (42, 'a', 'b', 3, 255, 255, 8, 1234.5, 0.00001, 65) }} {{ '%s' % none }} {{ '%.2s' % 'abc' }} {{ '%*d' % (5, 3) }} {{ '%d' % 3.9 }}
{{ '%s %s' % 'a' }}
{{ '%s' % ('a', 'b') }}
{{ '%d' % 'a' }}
{{ '%s' % l }} {{ '%s' % (l,) }} {{ 'x' % [] }}
{{ t|upper }} {{ t|lower }} {{ 'foo bar-baz (qux) [a]'|title }} {{ 'HELLO wORLD'|capitalize }} {{ none|upper }} {{ 5|string ~ 1 }}
{{ ws|trim }} {{ 'xxaxx'|trim('x') }} {{ 5|trim }} {{ none|trim }} {{ [ 1 ]|trim }}
{{ l|length }} {{ t|length }} {{ d|count }} {{ u|length }}
{{ 5|length }}
{{ none|length }}
{{ l|join }} {{ l|join(', ') }} {{ rows|join('-', attribute='n') }} {{ [1, none, true, 2.0]|join('|') }} {{ 'abc'|join('.') }} {{ d|join(',') }} {{ l|join(d=', ') }}
{{ 5|join }}
{{ missing|default('x') }} {{ none|default('x') }} {{ none|default('x', true) }} {{ ''|default('x', boolean=true) }} {{ missing|d }}| {{ missing|default(none) }} {{ 0|default(1) }} {{ d.q|default([]) }}
{{ l|first }} {{ l|last }} {{ e|first }}| {{ e|last }}| {{ t|first }} {{ t|last }} {{ d|first }} {{ d|last }}
{{ l|sort }} {{ l|sort(reverse=true) }} {{ ['b', 'A', 'c']|sort }} {{ ['b', 'A', 'c']|sort(case_sensitive=true) }} {{ rows|sort(attribute='v')|map(attribute='v')|list }} {{ rows|sort(attribute='n,v')|map(attribute='v')|list }} {{ rows|sort(attribute='n', reverse=true)|map(attribute='v')|list }}
{{ [1, 'a']|sort }}
{{ [3, 1.5, true]|sort }} {{ [[2], [1, 5]]|sort }}
{{ d|dictsort }} {{ {'b': 2, 'A': 3, 'c': 1}|dictsort(true) }} {{ {'b': 2, 'A': 3, 'c': 1}|dictsort(by='value') }} {{ {'b': 2, 'A': 3}|dictsort(reverse=true) }}
{{ d|dictsort(by='value') }}
{{ d|dictsort(by='x') }}
{{ d|items|list }} {{ missing|items|list }} {% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}
{{ l|items|list }}
{{ l|reverse|list }} {{ t|reverse }} {{ u|reverse }} {{ d|reverse|list }}
{{ l|max }} {{ l|min }} {{ ['b', 'A']|min }} {{ e|max }}| {{ rows|max(attribute='v') }} {{ [1, 2.5, true]|max }}
{{ l|sum }} {{ rows|sum(attribute='v') }} {{ [1.5, 2]|sum(start=1) }} {{ [[1], [2]]|sum(start=[]) }} {{ e|sum }}
{{ ['a']|sum }}
{{ [1, 1, 2, 'a', 'A']|unique|list }} {{ ['a', 'A']|unique(true)|list }} {{ rows|unique(attribute='n')|map(attribute='v')|list }}
{{ rows|groupby('n') }} {% for g in rows|groupby('n') %}{{ g.grouper }}:{{ g.list|length }} {{ g[0] }} {% endfor %}{% for k, g in rows|groupby('x.y', default=0) %}{{ k }}{% endfor %}
{{ l|batch(2)|list }} {{ l|batch(2, 0)|list }} {{ l|slice(2)|list }} {{ l|slice(2, 0)|list }}
{{ l|map('string')|list }} {{ rows|map(attribute='x.y', default='?')|list }} {{ rows|map(attribute='v')|sum }} {{ ['a', 'b']|map('upper')|join }} {{ l|map('default', 1)|list }} {{ [[1, 2], [3]]|map('first')|list }} {{ [[1, 2], [3]]|map(attribute=0)|list }}
{{ l|map('nope')|list }}
{{ l|map|list }}
{{ l|select('odd')|list }} {{ [0, 1, '', 'a']|select|list }} {{ l|reject('equalto', 2)|list }} {{ rows|selectattr('v', 'gt', 1)|map(attribute='v')|list }} {{ rows|selectattr('x')|list|length }} {{ rows|rejectattr('x', 'defined')|list|length }} {{ rows|selectattr('n', 'equalto', 'b')|map(attribute='v')|list }} {{ rows|selectattr('n', 'in', ['A'])|list|length }}
{{ l|select('nope')|list }}
{{ l|select('odd') is iterable }} {{ l|select('odd') is sequence }} {{ l|select('odd')|first }} {{ (l|select('odd')) is string }}
{{ l|select('odd')|tojson }}
{{ l|select('odd')|length }}
{% set g = l|select('odd') %}{{ g|list }}{{ g|list }}
{{ l|tojson }} {{ d|tojson }} {{ t|tojson }} {{ u|tojson }} {{ html|tojson }} {{ ctl|tojson }} {{ none|tojson }} {{ yes|tojson }} {{ floats|tojson }} {{ (1, 2)|tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}
{{ d|tojson(indent=2) }} {{ d|tojson(indent=0) }} {{ e|tojson(indent=2) }} {{ ed|tojson(indent=4) }} {{ [[], {}, [1]]|tojson(indent=1) }} {{ d|tojson(indent='--') }}
{{ u|tojson(ensure_ascii=true) }} {{ ctl|tojson(ensure_ascii=true) }} {{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }} {{ d|tojson(separators=(',', ':'), indent=1) }} {{ u|tojson(true) }}
{{ {'b': 1, 2: 1}|tojson(sort_keys=true) }}
{{ {(1, 2): 3}|tojson }}
{{ range|tojson }}
{{ html|escape }} {{ html|e|e }} {{ html|safe }} {{ html|forceescape }} {{ (html|safe) + html }} {{ html + (html|safe) }} {{ (html|safe) ~ html }} {{ [html|safe] }} {{ html|safe|upper }} {{ (html|safe)|replace('a', '<') }} {{ (html|safe).replace('a', '<') }} {{ ('<'|safe).join(['>', '&'|safe]) }} {{ ('%s'|safe) % '<' }} {{ (html|safe)|trim + '<' }} {{ (html|safe)|tojson }} {{ (html|safe)[1:3] + '<' }} {{ '<' * 2 + ('<'|safe) * 2 }} {{ html|safe is escaped }} {{ (html|safe) == html }}
{{ (html|safe|string) + '<' }} {{ (html|safe|lower) + '<' }} {{ [html|safe]|join('<') + '<' }}
{{ t|replace('l', 'L') }} {{ t|replace('l', 'L', 1) }} {{ 123|replace(2, 'x') }} {{ t|replace('', '-') }}
{{ 'a\nb\n\nc'|indent }} {{ 'a\nb\n\nc'|indent(2, true) }} {{ 'a\n\nb'|indent(2, blank=true) }} {{ 'a\nb'|indent('> ', first=true) }} {{ ''|indent }}| {{ 'a\n'|indent }}|
{{ 'hello big world'|truncate(8) }} {{ 'hello big world'|truncate(9, leeway=0) }} {{ 'hello big world'|truncate(9, true, leeway=0) }} {{ 'hello big world'|truncate(11, false, '!', 0) }}
{{ '12'|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ '0x1f'|int(0, 16) }} {{ 3.9|int }} {{ '3.9'|int }} {{ ' 42 '|int }} {{ '1_000'|int }} {{ none|int }} {{ '-5'|int }} {{ '0b11'|int(base=2) }} {{ '1e3'|int }} {{ 'inf'|int }} {{ true|int }} {{ l|int }}
{{ '1.5'|float }} {{ 'x'|float }} {{ 'x'|float(1.5) }} {{ 3|float }} {{ '1e3'|float }} {{ none|float }} {{ 'inf'|float }} {{ '-nan'|float }}
{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 1234.5|round(-2) }} {{ 7|round }} {{ 1.23456|round(3) }} {{ 2.1|round(0, 'ceil') }} {{ 2.15|round(1, 'floor') }} {{ 42.7|round|int }} {{ -0.4|round }}
{{ -5|abs }} {{ neg|abs }} {{ -2.5|abs }} {{ true|abs }}
{{ 'a'|abs }}
{{ '%s-%s'|format('a', 1) }} {{ '%(a)s'|format(a=2) }}
{{ t|wordcount }} {{ 'it\'s a_b c-d'|wordcount }} {{ 'a b/ü&'|urlencode }} {{ t|center(20) }}| {{ t|attr('upper') is callable }} {{ d|attr('b') is defined }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby(7) }} {{ n is divisibleby 7 }} {{ n is number }} {{ f is float }} {{ n is integer }} {{ yes is integer }} {{ yes is number }} {{ yes is boolean }} {{ yes is true }} {{ no is false }} {{ 1 is true }}
{{ t is string }} {{ l is sequence }} {{ d is sequence }} {{ d is mapping }} {{ l is mapping }} {{ t is iterable }} {{ n is iterable }} {{ none is iterable }} {{ missing is iterable }} {{ missing is sequence }} {{ d.items() is sequence }} {{ d.items() is iterable }} {{ range(3) is sequence }} {{ (1,) is sequence }}
{{ missing is defined }} {{ n is defined }} {{ nil is none }} {{ nil is defined }} {{ missing is not defined }} {{ n is not none }} {{ missing is undefined }} {{ range is callable }} {{ missing is callable }} {{ t is callable }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }}
{{ n is sameas n }} {{ nil is sameas none }} {{ 1 is sameas true }} {{ n in [7] }} {{ n is in [7] }} {{ n is in([8]) }} {{ n is eq 7 }} {{ n is gt(3) }} {{ n is lessthan 3 }} {{ n is ne 7 }} {{ n is ge 7 }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'A1' is upper }} {{ '' is lower }} {{ 'x' is escaped }}
{{ n is defined and n > 3 }} {{ n is not defined or n }} {{ not n is defined }} {{ n is odd == true }} {{ 1 + n is odd }}
{{ n is nope }}
{{ n|nope }}
{% if false %}{{ n|nope }}{% endif %}ok
{% if true %}{{ n|nope }}{% endif %}
{% if false %}{% for x in l %}{{ n|nope }}{% endfor %}{% endif %}ok
{{ (n|nope) if false else 'ok' }}
{{ range(3)|list }} {{ range(1, 10, 3)|list }} {{ range(5, 0, -2)|list }} {{ range(3) }} {{ range(1, 5, 2) }} {{ range(0)|list }} {{ range(10)[2:5] }} {{ range(10)[-1] }} {{ 3 in range(5) }} {{ range(5)|length }} {{ range(3) == range(0, 3, 1) }}
{{ range(100001) }}
{{ range(1, 2, 0) }}
{{ range('a') }}
{{ dict(a=1, b=2) }} {{ dict({'x': 1}, y=2) }} {{ dict([('a', 1)]) }} {{ dict() }}
{% set ns = namespace(a=1) %}{% set ns.b = 2 %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns['a'] }} {{ ns }} {{ ns is mapping }} {{ ns is defined }} {{ ns is iterable }}
{% set ns = namespace({'a': 1}) %}{{ ns.a }}
{% set ns = namespace(_a=1) %}
{% set ns = namespace() %}{% set ns._a = 1 %}
{% set d.x = 1 %}
{% set nowhere.x = 1 %}
{{ raise_exception('stop') }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %a %A %b %B %d %e %j %y %I %p %U %W %V %u %w %%') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%B %d, %Y') }} {{ strftime_now('%-d.%-m.') }} {{ strftime_now('%F %T %D %R %x %X %c') }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{% set j = joiner('; ') %}{{ j() }}1{{ j() }}2{{ j() }}3
{% for x in l %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('o', 'e') }}{{ loop.depth }} {% endfor %}
{% for x in l %}{{ loop.changed(x > 1) }}{% endfor %} {% for x in l %}{{ loop }}{% endfor %}
{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.last }}{% endfor %} {% for x in e %}x{% else %}empty{% endfor %} {% for x in l if x > 9 %}x{% else %}none{% endfor %}
{% set ns = namespace(go=true) %}{% for x in l if ns.go %}{{ x }}{% set ns.go = false %}{% endfor %}
{% set ns = namespace(go=true) %}{% for x in l if ns.go %}{{ x }}{{ loop.last }}{% set ns.go = false %}{% endfor %}
{% for k, v in d.items() %}{{ k }}:{{ v }} {% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in 'aé你' %}[{{ c }}]{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in missing %}x{% else %}else{% endfor %}
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %} {% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}E{% endfor %} {% for x in l %}{% continue %}{% else %}E{% endfor %} {% for x in l %}{% break %}{% else %}E{% endfor %}
{% break %}
{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}
{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }} {% if true %}{% set x = 9 %}{% endif %}{{ x }}
{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}|{{ x }}
{% for i in l %}{% if i == 1 %}{% set n = 'set' %}{% endif %}{{ n }}{% endfor %}{{ n }}
{% for i in [1] %}{{ n }}{% endfor %}{% set n = 2 %}{{ n }}
{% for i in [1, 2] %}{% for j in [1] %}{{ n }}{% endfor %}{% set n = i %}{% endfor %}
{% macro m() %}{{ n }}{% endmacro %}{{ m() }}{% set n = 5 %}{{ m() }}
{% macro m() %}{{ later }}{% endmacro %}{{ m() }}|{% set later = 5 %}{{ m() }}
{% if no %}{% set q = 1 %}{% endif %}{{ q }}|{{ q is defined }} {% if no %}{% set t = 1 %}{% else %}{% set q2 = 2 %}{% endif %}{{ t }}{{ q2 }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set a, b = b, a %}{{ a }}{{ b }} {% set x = 1, 2 %}{{ x }} {% set (a, b) = [3, 4] %}{{ a }}{{ b }}
{% set a, b = [1] %}
{% set x %}a{{ n }}b{% endset %}{{ x }} {% set x | upper | trim %} abc {% endset %}[{{ x }}] {% set x %}<{% endset %}{{ x ~ x|length }}
{% macro m(a, b=2, c=a) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }} {{ m(1, c=9) }} {{ m }} {{ m.name }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}{{ m() }}
{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}
{% macro m(x) %}{% set x = x + 1 %}{{ x }}{% if x < 5 %}{{ m(x) }}{% endif %}{% endmacro %}{{ m(0) }}
{% macro m() %}{{ caller() }}{{ caller(1) if no }}{% endmacro %}{% call m() %}body {{ n }}{% endcall %} {% macro w(l) %}{% for i in l %}{{ caller(i) }};{% endfor %}{% endmacro %}{% call(x) w(l) %}<{{ x }}>{% endcall %}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
{% macro outer() %}{% macro inner(a) %}[{{ a }}{{ n }}]{% endmacro %}{{ inner(1) }}{% endmacro %}{{ outer() }}{{ inner is defined }}
{% macro m(items) %}{% for i in items %}{{ i if i is not iterable else m(i) }}{% endfor %}{% endmacro %}{{ m([1, [2, [3, []]], 4]) }}
{{ m(1) }}{% macro m(a) %}{{ a }}{% endmacro %}
{% filter upper %}abc {{ t }}{% endfilter %} {% filter replace('a', 'b')|trim %} aaa {% endfilter %}|
{% with a = 1, b = n %}{{ a }}{{ b }}{% set c = 2 %}{% endwith %}{{ a }}{{ c }} {% with %}{% set z = 5 %}{{ z }}{% endwith %}{{ z }} {% with n = n + 1 %}{{ n }}{% endwith %}
{% generation %}gen {{ n }}{% set q = 1 %}{{ q }}{% endgeneration %}{{ q }}
{% print n, t %} {%- print(n) %}
{% raw %}{{ n }} {% if %}{% endraw %}| {%- raw -%}  x  {%- endraw -%} |
{# comment {{ n }} #}a{#- b -#} c {#+ d +#} e
x  {{ n }}  y
{{ 'a' 'b' "c" }} {{ "\n\t\x41\u00e9\U0001F600\101\q\\" }} {{ 'it\'s' }} {{ "\é" }}
{{ {'a': {'b': [1, {'c': 2}]}}.a.b[1].c }} {{ {'a': 1}['a'] }} {{ [1, 2, 3,][2] }} {{ {'x': 1,}.x }} {{ (1) }} {{ ((1, 2)) }}
{{ ''.__class__ }}|{{ l.__len__ }}|{{ d._x }}
{{ ''.__class__.__mro__ }}
{{ loop }}
{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}
{{ 1.5.x }}|{{ 1 .x }}
{{ -n|abs }} {{ -5|abs + 1 }} {{ not n|string == '7' }} {{ n|string|length }} {{ (n ~ '')|int + 1 }}
{% set f = t.upper %}{{ f() }} {% set s = t.split %}{{ s(',')[0] }}
{{ m(*[1, 2]) }}
{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*[1, 2], **{'c': 3}) }} {{ m(1, *[2], c=3) }}
{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %} {% if z %}a{% elif n %}b{% else %}c{% endif %} {% if z %}a{% elif z %}b{% else %}c{% endif %} {% if z %}{% endif %}|
{% if n > 5 and t or z %}x{% endif %}{% if not (n and z) %}y{% endif %}
{{ 2147483648 * 2147483648 }} {{ 10 ** 18 }} {{ 4611686018427387904 + 4611686018427387903 }}
{{ l is sameas l }} {{ d.a is sameas d.a }}
{% set x = [1, 2] %}{% set y = x + [3] %}{{ x }}{{ y }} {% set d2 = dict(d, **{'new': 1}) %}{{ d2 }}
{{ n if n is defined else 'x' }}{{ d.b if d.b is defined and d.b is not none else 'x' }}
{{ '' if nil is none else nil }}{{ nil or '' }}{{ 'a' if l else 'b' }}
{{ '{{' }} {{ '}}' }} {{ '%}' }} {{ {'a': {}}}}
{% set x = 'a' if n else 'b' %}{{ x }} {% set x = n == 7 %}{{ x }} {% set x = not n %}{{ x }}
{{ t | upper | lower | title }} {{ t|replace("o", "0")|upper }} {{ ( t | upper )[0] }} {{ t.split(', ')[1][::-1] }} {{ t.split(', ')|map('length')|list }}
{{ 'abc' | list }} {{ d | list }} {{ range(3) | list }}
{{ u | list }} {{ u[3] }} {{ u.split() }} {{ u.find('ß') }}
{{ 'x' is string and 'x' is iterable and 'x' is not mapping }}
{{ 1 if true }} {{ 1 if false }}| {{ (1 if false) is defined }}
{{ l | tojson | safe + '<' }}
{{ [1, 2] | string }} {{ d | string | length }} {{ (1, 'a') | string }} {{ 1.0 | string }} {{ true | lower }}
{% if missing %}a{% else %}b{% endif %}{{ not missing }}{{ missing or 'dflt' }}{{ missing and 1 }}
{% set ns = namespace(x=[]) %}{% for i in l %}{% set ns.x = ns.x + [i * 2] %}{% endfor %}{{ ns.x }}
{% set ns = namespace(s='') %}{% for m in rows %}{% set ns.s = ns.s ~ m.n ~ (',' if not loop.last else '') %}{% endfor %}{{ ns.s }}"""

BROKEN = ["{{", "{{ n", "{% if %}", "{% if n %}", "{% endif %}", "{{ n }", "{{ 'abc }}", "{% for x l %}{% endfor %}", "{{ (1 }}",
          "{{ 1 + }}", "{% set 1 = 2 %}", "{% set none = 2 %}", "{% unknown %}", "{# never closed", "{% raw %}x", "{{ a b }}",
          "{{ [1, }}", "{{ {1} }}", "{{ f(a=1, 2) }}", "{{ n| }}", "{{ n is }}", "{{ n..x }}", "{{ $ }}", "{% macro m(a=1, b) %}{% endmacro %}",
          "{% call n %}{% endcall %}", "{% else %}", "{% for x in l %}{% endif %}", "{{ '\\x4' }}", "{{ n if }}", "{{ n[ }}", "{{ }}"]

BLOCKS = ["", "\n", "a\n", "a\n\n", "a\r\nb\rc\r\n", "{% if true %}\n\nx\n{% endif %}\n\ny\n", "  {# c #}\n  x\n", "x {# c #}\ny",
          "  {% set a = 1 %}\n  {{ a }}\n  {% set b = 2 %}  \nz", "\t{%- if true %}\n\ta\n\t{%- endif %}\n", "{{ 1 }}\n{{ 2 }}\n\n",
          "{% for i in l %}\n  - {{ i }}\n{% endfor %}\n", "{% for i in l -%}\n  - {{ i }}\n{% endfor -%}\n\n x", "{%- for i in l %}\n{{- i }}\n{%- endfor %}\n",
          "a\n    {%- if true %}\nb\n    {%- endif %}\n", "x{% raw %}\n y {% endraw %}\nz", "  {% raw %} y {% endraw %}  \nz", "{% if true %} {% endif %}|",
          "{{ 'x' -}}\n\n  y", "\u00a0{%- if true %}\u3000{% endif %}\u2003{%- if true -%}\u2003z{% endif %}", "{% if true +%}\nx{% endif %}", "{#+ c #}\nx", "{# a\nb #}\n\nx",
          "{%if true%}a{%endif%}", "{%if(n)%}a{%endif%}", "{{n}}{{-n}}{{ - n}}", "{{- n}}", "{{n -}}", "a {{- ' b ' -}} c", "{%- set x = 1 -%} a",
          "line {{ n }} {# c #} {{ t }}\n\n\n", "{% set x -%}\n  a\n{%- endset %}[{{ x }}]", "{{ '\n' }}{{ 'a\r\nb' }}|", "{{ 1 }}{# }} #}{{ 2 }}", "{% if n %}{{ '%}' }}{% endif %}"]


def snippets():
    """Templates, each on its own."""
    return VALUES.split("\n") + BLOCKS + BROKEN

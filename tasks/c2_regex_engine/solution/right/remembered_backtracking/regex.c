/*
 * The pattern is written out as a program, whose ways are tried one after another; which places were tried at which
 * offsets is remembered for the whole search, so that nothing is tried twice.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#include "regex.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NOTHING = 0, UNBOUNDED = -1, SLOTS_MAX = 2 * (REGEX_GROUPS_MAX + 1) };

typedef struct {
    unsigned char bits[32];
} byte_set;

typedef enum { EMPTY, ONE, ASSERTION, BOTH, EITHER, GROUP, REPEAT } node_kind;

typedef struct {
    node_kind kind;
    bool is_lazy;
    unsigned char assertion;
    int left; /* Or the only part. */
    int right;
    int least; /* The number of a group. */
    int most;
    size_t size;
    byte_set set;
} node;

typedef enum { BYTE, CHECK, SPLIT, JUMP, SAVE, MATCH } operation;

typedef struct {
    operation what;
    int first; /* The preferred target, the only one, the slot or the assertion. */
    int second;
    byte_set set;
} instruction;

struct regex {
    instruction *program;
    size_t count;
    size_t groups;
};

typedef struct {
    const uint8_t *pattern;
    size_t length;
    size_t at;
    size_t groups;
    size_t depth;
    node *nodes;
    size_t count;
    size_t room;
    regex_status status;
} parser;

typedef struct {
    const node *nodes;
    instruction *program;
    size_t count;
    size_t room;
    bool has_failed;
} writer;

static void put(byte_set *set, unsigned byte) {
    set->bits[byte / 8] |= (unsigned char)(1u << byte % 8);
}

static bool has(const byte_set *set, unsigned byte) {
    return set->bits[byte / 8] >> byte % 8 & 1;
}

static bool is_word(unsigned byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_';
}

static void invert(byte_set *set) {
    for (size_t i = 0; i < sizeof set->bits; i++) {
        set->bits[i] = (unsigned char)~set->bits[i];
    }
}

static int fail(parser *p, regex_status status) {
    if (p->status == REGEX_OK) {
        p->status = status;
    }
    p->at = p->length;
    return NOTHING;
}

static int add_node(parser *p, node added) {
    if (p->status != REGEX_OK) {
        return NOTHING;
    }
    if (p->count == p->room) {
        size_t room = p->room == 0 ? 64 : 2 * p->room;
        node *nodes = room < INT_MAX ? realloc(p->nodes, room * sizeof *nodes) : NULL;
        if (nodes == NULL) {
            return fail(p, REGEX_NO_MEMORY);
        }
        p->nodes = nodes;
        p->room = room;
    }
    if (added.size > REGEX_SIZE_MAX) {
        return fail(p, REGEX_TOO_LARGE);
    }
    p->nodes[p->count] = added;
    return (int)p->count++;
}

static size_t size_of(const parser *p, int index) {
    return p->status == REGEX_OK ? p->nodes[index].size : 0;
}

static bool at_end(const parser *p) {
    return p->at >= p->length;
}

static bool sees(const parser *p, char byte) {
    return !at_end(p) && p->pattern[p->at] == (unsigned char)byte;
}

static bool take(parser *p, char byte) {
    bool is_there = sees(p, byte);
    p->at += is_there;
    return is_there;
}

static int hexadecimal(const parser *p, size_t at) {
    if (at >= p->length) {
        return -1;
    }
    unsigned char byte = p->pattern[at];
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    unsigned char lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A byte or an escape; returns the byte, or -1 if it was an escape for several. */
static int parse_item(parser *p, byte_set *set) {
    unsigned byte = p->pattern[p->at++];
    *set = (byte_set){{0}};
    if (byte == '\\') {
        if (at_end(p)) {
            fail(p, REGEX_SYNTAX_ERROR);
            return -1;
        }
        byte = p->pattern[p->at++];
        unsigned lower = byte | 0x20;
        static const char names[] = "ntrfv", values[] = "\n\t\r\f\v";
        const char *name = byte == 0 ? NULL : strchr(names, (int)byte);
        if (byte < 128 && (lower == 'd' || lower == 'w' || lower == 's')) {
            for (unsigned each = 0; each < 256; each++) {
                bool is_member = lower == 'd'   ? each >= '0' && each <= '9'
                                 : lower == 'w' ? is_word(each)
                                                : each == ' ' || (each >= 9 && each <= 13);
                if (is_member) {
                    put(set, each);
                }
            }
            if (byte < 'a') {
                invert(set);
            }
            return -1;
        }
        if (name != NULL) {
            byte = (unsigned char)values[name - names];
        } else if (byte == 'x') {
            int high = hexadecimal(p, p->at), low = hexadecimal(p, p->at + 1);
            if (high < 0 || low < 0) {
                fail(p, REGEX_SYNTAX_ERROR);
                return -1;
            }
            p->at += 2;
            byte = (unsigned)(16 * high + low);
        } else if (is_word(byte) && byte != '_') {
            fail(p, REGEX_SYNTAX_ERROR);
            return -1;
        }
    }
    put(set, byte);
    return (int)byte;
}

static void parse_set(parser *p, byte_set *set) {
    bool is_inverse = take(p, '^');
    bool is_first = true;
    *set = (byte_set){{0}};
    while (is_first || !take(p, ']')) {
        is_first = false;
        if (at_end(p)) {
            fail(p, REGEX_SYNTAX_ERROR);
            return;
        }
        byte_set item;
        int low = parse_item(p, &item);
        if (sees(p, '-') && p->at + 1 < p->length && p->pattern[p->at + 1] != ']') {
            p->at++;
            int high = parse_item(p, &item);
            if (low < 0 || high < low) {
                fail(p, REGEX_SYNTAX_ERROR);
                return;
            }
            for (int each = low; each <= high; each++) {
                put(set, (unsigned)each);
            }
        } else {
            for (size_t i = 0; i < sizeof set->bits; i++) {
                set->bits[i] |= item.bits[i];
            }
        }
    }
    if (is_inverse) {
        invert(set);
    }
}

static int parse_choice(parser *p);

static int parse_group(parser *p) {
    int number = 0;
    if (take(p, '?')) {
        if (!take(p, ':')) {
            return fail(p, REGEX_SYNTAX_ERROR);
        }
    } else if (p->groups == REGEX_GROUPS_MAX) {
        return fail(p, REGEX_TOO_LARGE);
    } else {
        number = (int)++p->groups;
    }
    if (p->depth == REGEX_DEPTH_MAX) {
        return fail(p, REGEX_TOO_LARGE);
    }
    p->depth++;
    int content = parse_choice(p);
    p->depth--;
    if (!take(p, ')')) {
        return fail(p, REGEX_SYNTAX_ERROR);
    }
    return add_node(p, (node){.kind = GROUP, .left = content, .least = number, .size = size_of(p, content) + 1});
}

static int parse_atom(parser *p, bool *can_repeat) {
    node made = {.kind = ONE, .size = 1};
    *can_repeat = true;
    if (take(p, '(')) {
        return parse_group(p);
    }
    if (take(p, '[')) {
        parse_set(p, &made.set);
    } else if (take(p, '.')) {
        put(&made.set, '\n');
        invert(&made.set);
    } else if (sees(p, '^') || sees(p, '$')) {
        made.kind = ASSERTION;
        made.assertion = p->pattern[p->at++];
    } else if (sees(p, '\\') && p->at + 1 < p->length && (p->pattern[p->at + 1] | 0x20) == 'b') {
        made.kind = ASSERTION;
        made.assertion = p->pattern[p->at + 1];
        p->at += 2;
    } else if (sees(p, '*') || sees(p, '+') || sees(p, '?') || sees(p, '{')) {
        return fail(p, REGEX_SYNTAX_ERROR);
    } else {
        parse_item(p, &made.set);
    }
    *can_repeat = made.kind == ONE;
    return add_node(p, made);
}

static bool parse_count(parser *p, int *count) {
    size_t start = p->at;
    *count = 0;
    for (; !at_end(p) && p->pattern[p->at] >= '0' && p->pattern[p->at] <= '9'; p->at++) {
        *count = 10 * *count + (p->pattern[p->at] - '0');
        if (*count > REGEX_COUNT_MAX) {
            return false;
        }
    }
    return p->at > start;
}

/* False if there is none, or not a right one. */
static bool parse_quantifier(parser *p, int *least, int *most) {
    *least = 0;
    *most = UNBOUNDED;
    if (take(p, '*')) {
        return true;
    }
    if (take(p, '+')) {
        *least = 1;
        return true;
    }
    if (take(p, '?')) {
        *most = 1;
        return true;
    }
    if (!take(p, '{')) {
        return false;
    }
    bool is_right = parse_count(p, least);
    *most = *least;
    if (is_right && take(p, ',')) {
        if (sees(p, '}')) {
            *most = UNBOUNDED;
        } else {
            is_right = parse_count(p, most) && *most >= *least;
        }
    }
    if (!is_right || !take(p, '}')) {
        fail(p, REGEX_SYNTAX_ERROR);
        return false;
    }
    return true;
}

static int parse_repeated(parser *p) {
    bool can_repeat;
    int least, most;
    int atom = parse_atom(p, &can_repeat);
    if (!parse_quantifier(p, &least, &most)) {
        return atom;
    }
    bool is_lazy = take(p, '?');
    if (!can_repeat || sees(p, '*') || sees(p, '+') || sees(p, '?') || sees(p, '{')) {
        return fail(p, REGEX_SYNTAX_ERROR);
    }
    size_t times = (size_t)(most == UNBOUNDED ? least + 1 : most > 0 ? most : 1);
    return add_node(p, (node){.kind = REPEAT,
                              .left = atom,
                              .least = least,
                              .most = most,
                              .is_lazy = is_lazy,
                              .size = times * (size_of(p, atom) + 1) + 1});
}

/* The tree of a long sequence or choice leans to the left. */
static int join(parser *p, node_kind kind, int left, int right) {
    size_t size = size_of(p, left) + size_of(p, right) + (kind == EITHER);
    return add_node(p, (node){.kind = kind, .left = left, .right = right, .size = size});
}

static int parse_sequence(parser *p) {
    int whole = add_node(p, (node){.kind = EMPTY});
    while (!at_end(p) && !sees(p, '|') && !sees(p, ')')) {
        whole = join(p, BOTH, whole, parse_repeated(p));
    }
    return whole;
}

static int parse_choice(parser *p) {
    int whole = parse_sequence(p);
    while (take(p, '|')) {
        whole = join(p, EITHER, whole, parse_sequence(p));
    }
    return whole;
}

static int add(writer *w, instruction added) {
    if (w->has_failed) {
        return 0;
    }
    if (w->count == w->room) {
        size_t room = w->room == 0 ? 64 : 2 * w->room;
        instruction *program = realloc(w->program, room * sizeof *program);
        if (program == NULL) {
            w->has_failed = true;
            return 0;
        }
        w->program = program;
        w->room = room;
    }
    w->program[w->count] = added;
    return (int)w->count++;
}

static void aim(writer *w, int split, bool is_second, int target) {
    if (!w->has_failed) {
        *(is_second ? &w->program[split].second : &w->program[split].first) = target;
    }
}

static void write_node(writer *w, int index);

static void write_repeat(writer *w, const node *n) {
    for (int i = 0; i < n->least; i++) {
        write_node(w, n->left);
    }
    if (n->most == UNBOUNDED) {
        int head = add(w, (instruction){.what = SPLIT});
        aim(w, head, n->is_lazy, head + 1);
        write_node(w, n->left);
        add(w, (instruction){.what = JUMP, .first = head});
        aim(w, head, !n->is_lazy, (int)w->count);
        return;
    }
    /* Until their end is known, the splits are chained by the targets that lead there. */
    int last = -1;
    for (int i = n->least; i < n->most; i++) {
        int split = add(w, (instruction){.what = SPLIT});
        aim(w, split, n->is_lazy, split + 1);
        aim(w, split, !n->is_lazy, last);
        last = split;
        write_node(w, n->left);
    }
    while (last >= 0 && !w->has_failed) {
        int before = n->is_lazy ? w->program[last].first : w->program[last].second;
        aim(w, last, !n->is_lazy, (int)w->count);
        last = before;
    }
}

static void write_node(writer *w, int index) {
    const node *n = &w->nodes[index];
    switch (n->kind) {
    case EMPTY:
        break;
    case ONE:
        add(w, (instruction){.what = BYTE, .set = n->set});
        break;
    case ASSERTION:
        add(w, (instruction){.what = CHECK, .first = n->assertion});
        break;
    case BOTH:
        write_node(w, n->left);
        write_node(w, n->right);
        break;
    case EITHER: {
        int split = add(w, (instruction){.what = SPLIT});
        aim(w, split, false, split + 1);
        write_node(w, n->left);
        int jump = add(w, (instruction){.what = JUMP});
        aim(w, split, true, (int)w->count);
        write_node(w, n->right);
        aim(w, jump, false, (int)w->count);
        break;
    }
    case GROUP:
        if (n->least > 0) {
            add(w, (instruction){.what = SAVE, .first = 2 * n->least});
        }
        write_node(w, n->left);
        if (n->least > 0) {
            add(w, (instruction){.what = SAVE, .first = 2 * n->least + 1});
        }
        break;
    case REPEAT:
        write_repeat(w, n);
        break;
    }
}

regex_status regex_compile(const uint8_t *pattern, size_t length, regex **out) {
    parser p = {.pattern = pattern, .length = length, .status = REGEX_OK};
    *out = NULL;
    int whole = parse_choice(&p);
    if (p.status == REGEX_OK && !at_end(&p)) {
        fail(&p, REGEX_SYNTAX_ERROR);
    }
    regex *made = p.status == REGEX_OK ? malloc(sizeof *made) : NULL;
    if (made == NULL) {
        free(p.nodes);
        return p.status == REGEX_OK ? REGEX_NO_MEMORY : p.status;
    }
    writer w = {.nodes = p.nodes};
    write_node(&w, whole);
    add(&w, (instruction){.what = MATCH});
    free(p.nodes);
    if (w.has_failed) {
        free(w.program);
        free(made);
        return REGEX_NO_MEMORY;
    }
    *made = (regex){.program = w.program, .count = w.count, .groups = p.groups};
    *out = made;
    return REGEX_OK;
}

void regex_free(regex *expression) {
    if (expression != NULL) {
        free(expression->program);
        free(expression);
    }
}

size_t regex_group_count(const regex *expression) {
    return expression->groups;
}

typedef struct {
    int place;  /* Where to go on; or -1 to give a slot back what it held. */
    size_t at;  /* Or the slot. */
    size_t held;
} step;

typedef struct {
    const regex *expression;
    const uint8_t *text;
    size_t length;
    size_t from;
    unsigned char *tried; /* One bit for each place and offset: what was tried there before can only fail again. */
    step *steps;
    size_t depth;
    size_t room;
    size_t slots[SLOTS_MAX];
} machine;

static bool holds(const machine *m, int assertion, size_t at) {
    bool before = at > 0 && is_word(m->text[at - 1]);
    bool after = at < m->length && is_word(m->text[at]);
    switch (assertion) {
    case '^':
        return at == 0;
    case '$':
        return at == m->length;
    case 'b':
        return before != after;
    default:
        return before == after;
    }
}

static bool push(machine *m, step added) {
    if (m->depth == m->room) {
        size_t room = 2 * m->room + 64;
        step *steps = realloc(m->steps, room * sizeof *steps);
        if (steps == NULL) {
            return false;
        }
        m->steps = steps;
        m->room = room;
    }
    m->steps[m->depth++] = added;
    return true;
}

/* Tries all ways from one offset in the order of their priority. */
static regex_status try_from(machine *m, size_t start) {
    m->depth = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        m->slots[i] = REGEX_NONE;
    }
    bool has_room = push(m, (step){.place = 0, .at = start});
    while (m->depth > 0 && has_room) {
        step next = m->steps[--m->depth];
        if (next.place < 0) {
            m->slots[next.at] = next.held;
            continue;
        }
        size_t bit = (next.at - m->from) * m->expression->count + (size_t)next.place;
        if (m->tried[bit / 8] >> bit % 8 & 1) {
            continue;
        }
        m->tried[bit / 8] |= (unsigned char)(1u << bit % 8);
        const instruction *i = &m->expression->program[next.place];
        switch (i->what) {
        case JUMP:
            has_room = push(m, (step){i->first, next.at, 0});
            break;
        case SPLIT:
            has_room = push(m, (step){i->second, next.at, 0}) && push(m, (step){i->first, next.at, 0});
            break;
        case CHECK:
            if (holds(m, i->first, next.at)) {
                has_room = push(m, (step){next.place + 1, next.at, 0});
            }
            break;
        case SAVE:
            has_room = push(m, (step){-1, (size_t)i->first, m->slots[i->first]}) &&
                       push(m, (step){next.place + 1, next.at, 0});
            m->slots[i->first] = next.at;
            break;
        case BYTE:
            if (next.at < m->length && has(&i->set, m->text[next.at])) {
                has_room = push(m, (step){next.place + 1, next.at + 1, 0});
            }
            break;
        case MATCH:
            m->slots[0] = start;
            m->slots[1] = next.at;
            return REGEX_OK;
        }
    }
    return has_room ? REGEX_NO_MATCH : REGEX_NO_MEMORY;
}

regex_status regex_search(const regex *expression, const uint8_t *text, size_t length, size_t from, regex_span *spans,
                          size_t span_count) {
    machine m = {.expression = expression, .text = text, .length = length, .from = from};
    m.tried = calloc(expression->count * (length - from + 1) / 8 + 1, 1);
    regex_status status = m.tried == NULL ? REGEX_NO_MEMORY : REGEX_NO_MATCH;
    for (size_t start = from; status == REGEX_NO_MATCH && start <= length; start++) {
        status = try_from(&m, start);
    }
    for (size_t i = 0; i < span_count; i++) {
        bool is_there = status == REGEX_OK && i <= expression->groups && m.slots[2 * i + 1] != REGEX_NONE;
        spans[i] = is_there ? (regex_span){m.slots[2 * i], m.slots[2 * i + 1]} : (regex_span){REGEX_NONE, REGEX_NONE};
    }
    free(m.tried);
    free(m.steps);
    return status;
}

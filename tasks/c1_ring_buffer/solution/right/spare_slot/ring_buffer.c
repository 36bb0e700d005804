/*
 * A head and a tail; a slot more than the capacity tells full from empty. Bytes are moved one by one.
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#include "ring_buffer.h"

#include <stdlib.h>

struct ring_buffer {
    size_t slots;
    size_t head;
    size_t tail;
    uint8_t *bytes;
};

static size_t after(const ring_buffer *ring, size_t slot) {
    return slot + 1 == ring->slots ? 0 : slot + 1;
}

ring_buffer *ring_buffer_create(size_t capacity) {
    if (capacity == 0 || capacity > RING_BUFFER_CAPACITY_MAX) {
        return NULL;
    }
    ring_buffer *ring = malloc(sizeof *ring);
    if (ring == NULL) {
        return NULL;
    }
    ring->bytes = calloc(capacity + 1, 1);
    if (ring->bytes == NULL) {
        free(ring);
        return NULL;
    }
    ring->slots = capacity + 1;
    ring->head = ring->tail = 0;
    return ring;
}

void ring_buffer_destroy(ring_buffer *ring) {
    if (ring == NULL) {
        return;
    }
    free(ring->bytes);
    free(ring);
}

size_t ring_buffer_capacity(const ring_buffer *ring) {
    return ring->slots - 1;
}

size_t ring_buffer_size(const ring_buffer *ring) {
    return ring->head <= ring->tail ? ring->tail - ring->head : ring->slots - ring->head + ring->tail;
}

size_t ring_buffer_write(ring_buffer *ring, const uint8_t *bytes, size_t count) {
    size_t written = 0;
    for (; written < count && after(ring, ring->tail) != ring->head; written++) {
        ring->bytes[ring->tail] = bytes[written];
        ring->tail = after(ring, ring->tail);
    }
    return written;
}

size_t ring_buffer_overwrite(ring_buffer *ring, const uint8_t *bytes, size_t count) {
    size_t capacity = ring_buffer_capacity(ring);
    size_t lost = 0;
    if (count > capacity) {
        lost = count - capacity;
        bytes += lost;
        count = capacity;
    }
    size_t room = capacity - ring_buffer_size(ring);
    if (count > room) {
        lost += ring_buffer_discard(ring, count - room);
    }
    ring_buffer_write(ring, bytes, count);
    return lost;
}

size_t ring_buffer_read(ring_buffer *ring, uint8_t *out, size_t count) {
    size_t length = ring_buffer_peek(ring, 0, out, count);
    return ring_buffer_discard(ring, length);
}

size_t ring_buffer_peek(const ring_buffer *ring, size_t offset, uint8_t *out, size_t count) {
    size_t size = ring_buffer_size(ring);
    if (offset >= size) {
        return 0;
    }
    size_t length = count < size - offset ? count : size - offset;
    size_t slot = (ring->head + offset) % ring->slots;
    for (size_t i = 0; i < length; i++) {
        out[i] = ring->bytes[slot];
        slot = after(ring, slot);
    }
    return length;
}

size_t ring_buffer_discard(ring_buffer *ring, size_t count) {
    size_t size = ring_buffer_size(ring);
    size_t length = count < size ? count : size;
    ring->head = (ring->head + length) % ring->slots;
    return length;
}

bool ring_buffer_resize(ring_buffer *ring, size_t capacity) {
    if (capacity < ring_buffer_size(ring) || capacity > RING_BUFFER_CAPACITY_MAX || capacity == 0) {
        return false;
    }
    ring_buffer *other = ring_buffer_create(capacity);
    if (other == NULL) {
        return false;
    }
    while (ring->head != ring->tail) {
        other->bytes[other->tail++] = ring->bytes[ring->head];
        ring->head = after(ring, ring->head);
    }
    ring_buffer old = *ring;
    *ring = *other;
    *other = old;
    ring_buffer_destroy(other);
    return true;
}

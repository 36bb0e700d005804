#include "ring_buffer.h"

#include <stdlib.h>

/*
 * Counts every byte that ever came in and went out; a byte's place is its number modulo the capacity. The counters
 * would take centuries to overflow 64 bits.
 *
 * Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
struct ring_buffer {
    size_t capacity;
    uint64_t written;
    uint64_t taken;
    uint8_t *slots;
};

static bool valid(size_t capacity) {
    return capacity != 0 && capacity <= RING_BUFFER_CAPACITY_MAX;
}

ring_buffer *ring_buffer_create(size_t capacity) {
    if (!valid(capacity)) {
        return NULL;
    }
    ring_buffer *ring = calloc(1, sizeof(ring_buffer));
    if (ring == NULL) {
        return NULL;
    }
    ring->slots = malloc(capacity);
    if (ring->slots == NULL) {
        free(ring);
        return NULL;
    }
    ring->capacity = capacity;
    return ring;
}

void ring_buffer_destroy(ring_buffer *ring) {
    if (ring == NULL) {
        return;
    }
    free(ring->slots);
    free(ring);
}

size_t ring_buffer_capacity(const ring_buffer *ring) {
    return ring->capacity;
}

size_t ring_buffer_size(const ring_buffer *ring) {
    return (size_t)(ring->written - ring->taken);
}

size_t ring_buffer_write(ring_buffer *ring, const uint8_t *bytes, size_t count) {
    size_t done = 0;
    while (done < count && ring_buffer_size(ring) < ring->capacity) {
        ring->slots[ring->written % ring->capacity] = bytes[done];
        ring->written++;
        done++;
    }
    return done;
}

size_t ring_buffer_overwrite(ring_buffer *ring, const uint8_t *bytes, size_t count) {
    size_t lost = 0;
    for (size_t i = 0; i < count; i++) {
        if (ring_buffer_size(ring) == ring->capacity) {
            ring->taken++;
            lost++;
        }
        ring->slots[ring->written % ring->capacity] = bytes[i];
        ring->written++;
    }
    return lost;
}

size_t ring_buffer_read(ring_buffer *ring, uint8_t *out, size_t count) {
    size_t done = 0;
    while (done < count && ring->taken != ring->written) {
        out[done] = ring->slots[ring->taken % ring->capacity];
        ring->taken++;
        done++;
    }
    return done;
}

size_t ring_buffer_peek(const ring_buffer *ring, size_t offset, uint8_t *out, size_t count) {
    size_t size = ring_buffer_size(ring);
    size_t done = 0;
    while (offset < size && done < count && done < size - offset) {
        out[done] = ring->slots[(ring->taken + offset + done) % ring->capacity];
        done++;
    }
    return done;
}

size_t ring_buffer_discard(ring_buffer *ring, size_t count) {
    size_t size = ring_buffer_size(ring);
    size_t dropped = count < size ? count : size;
    ring->taken += dropped;
    return dropped;
}

bool ring_buffer_resize(ring_buffer *ring, size_t capacity) {
    size_t size = ring_buffer_size(ring);
    if (!valid(capacity) || capacity < size) {
        return false;
    }
    uint8_t *slots = malloc(capacity);
    if (slots == NULL) {
        return false;
    }
    ring_buffer_read(ring, slots, size);
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->taken = 0;
    ring->written = size;
    return true;
}

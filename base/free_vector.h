// Gives back what a vector has allocated. (One that is assigned from {} keeps it.) Any thread.
#pragma once

#include <cstddef>
#include <vector>

namespace once {

template <class T>
void free_vector(std::vector<T>& vector) {
  std::vector<T>().swap(vector);
}

// Of one that a burst made large, once it is empty.
template <class T>
void free_if_larger(std::vector<T>& vector, size_t kept_bytes) {
  if (vector.empty() && vector.capacity() * sizeof(T) > kept_bytes) free_vector(vector);
}

}  // namespace once

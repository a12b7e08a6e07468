// Gives back what a vector has allocated. (One that is assigned from {} keeps it.)
#pragma once

#include <vector>

namespace once {

template <class T>
void free_vector(std::vector<T>& vector) {
  std::vector<T>().swap(vector);
}

}  // namespace once

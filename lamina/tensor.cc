#include "lamina/tensor.h"

#include "lamina/check.h"

namespace lamina {

Shape::Shape(std::span<const Index> lengths) {
  if (lengths.size() > kMaxRank) fail("Shape", "expected at most ", kMaxRank, " axes, got ", lengths.size());
  rank_ = static_cast<int>(lengths.size());
  size_ = rank_ == 0 ? 0 : 1;
  for (int i = 0; i < rank_; ++i) {
    const Index length = lengths[static_cast<std::size_t>(i)];
    if (length < 0) fail("Shape", "expected lengths of 0 or more, got ", length, " for axis ", i);
    lengths_[static_cast<std::size_t>(i)] = length;
    if (__builtin_mul_overflow(size_, length, &size_) || size_ > (Index{1} << 58))
      fail("Shape", "expected fewer than 2^58 elements, got more");
  }
}

std::string Shape::to_string() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string((*this)[i]);
  }
  if (rank_ == 1) text += ',';
  return text + ')';
}

}  // namespace lamina

// Examples in memory: bytes as they were read, or numbers, made into mini-batches of the net's type.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "lamina/kernels/gather.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// N examples of one shape: bytes, from which a mean is subtracted, or floats or doubles. Cheap to copy; copies share
/// the memory.
class Examples {
 public:
  Examples() = default;
  /// uint8 images (N, C, H, W) and the mean image (C, H, W) to subtract (null: none).
  explicit Examples(std::shared_ptr<const Tensor<std::uint8_t>> bytes, std::shared_ptr<const Tensor<double>> mean = {});
  explicit Examples(std::shared_ptr<const Tensor<float>> numbers);
  explicit Examples(std::shared_ptr<const Tensor<double>> numbers);
  explicit Examples(Tensor<float> numbers);
  explicit Examples(Tensor<double> numbers);
  /// Examples (N, ...) in somebody else's memory, which must outlive this and all copies, and must not change.
  static Examples view(const TensorView<std::uint8_t>& bytes);
  static Examples view(const TensorView<float>& numbers);
  static Examples view(const TensorView<double>& numbers);

  /// Whether they are bytes, or there are none.
  bool are_bytes() const { return kind_ == Kind::bytes; }
  /// Number of examples.
  Index size() const { return size_; }
  /// Shape of one example.
  const Shape& example_shape() const { return example_shape_; }
  /// The first n examples, or all if there are fewer.
  Examples first(Index n) const;
  /// The same bytes with another mean image to subtract (null: none); numbers stay as they are. Throws
  /// std::invalid_argument if the mean does not have the shape of one example.
  Examples with_mean(std::shared_ptr<const Tensor<double>> mean) const;
  /// The same examples for a net in float that takes each of them about `times` times: where that pays for its memory,
  /// their values as floats are kept once they were converted. Copies share what is kept, so that only one thread at a
  /// time may read them.
  Examples keeping_floats(double times) const;

  /// Writes the examples at the given positions, in that order, to `out`, which is resized to (rows.size(),
  /// ...example). Bytes become T(byte - mean), subtracted in double, as in the course's code.
  template <class T>
  void gather(std::span<const Index> rows, Tensor<T>& out) const;
  /// The same for `count` examples from `first` on.
  template <class T>
  void slice(Index first, Index count, Tensor<T>& out) const;
  /// As slice, but without a copy where the examples lie in memory as T already; else they are in `memory`. Valid until
  /// the next call.
  template <class T>
  TensorView<T> range(Index first, Index count, Tensor<T>& memory) const;
  /// As gather for images (C, H, W), of which the i-th is moved by moves[i]. Pixels that come in from outside, and
  /// those of holes, are 0, which stands for the mean. Throws std::invalid_argument if the examples are not images, or
  /// a move changes the brightness or contrast of examples that are not bytes.
  template <class T>
  void gather(std::span<const Index> rows, std::span<const kernels::Move> moves, Tensor<T>& out) const;

 private:
  enum class Kind : std::uint8_t { bytes, floats, doubles };
  class KeptFloats;

  Examples(Kind kind, const void* data, std::shared_ptr<const void> owner, const Shape& shape);
  template <class Body>
  void with_data(Body&& body) const;
  template <class T>
  const T* in_place() const;
  template <class T>
  void convert(const Index* rows, Index first, Index count, T* out) const;
  void check_rows(std::span<const Index> rows) const;
  void check_range(const char* where, Index first, Index count) const;

  Kind kind_ = Kind::bytes;
  const void* data_ = nullptr;         // null: there are no examples
  std::shared_ptr<const void> owner_;  // of the data; null for a view
  std::shared_ptr<const Tensor<double>> mean_;
  std::shared_ptr<KeptFloats> kept_;
  Index size_ = 0;
  Shape example_shape_;
};

/// Random changes of training images that do not change their class.
struct Augmentation {
  bool mirror = false;    ///< left and right are exchanged with probability 1/2
  Index max_shift = 0;    ///< images move by up to so many pixels in each direction; what comes in is the mean
  bool reflect = false;   ///< what comes in is the image's reflection instead
  Index cutout = 0;       ///< the side of a square that becomes the mean, at a random place (DeVries and Taylor, 2017)
  double brightness = 0;  ///< pixels are multiplied by a factor of up to so much below or above 1
  double contrast = 0;    ///< and then their distance from their mean by another such factor
  bool any() const { return mirror || max_shift > 0 || cutout > 0 || recolours(); }
  /// Whether it needs pixels as bytes.
  bool recolours() const { return brightness > 0 || contrast > 0; }
  bool operator==(const Augmentation&) const = default;
};

/// Draws the elements of `moves` one after the other: for each, rand() < 0.5 if images are mirrored, then
/// randint(2 max_shift + 1) - max_shift for down and again for right if they are shifted, then randint(H) and
/// randint(W) for the centre of the square that is cut out, then rand() for the factor of brightness and again for that
/// of contrast: uniform between max(0, 1 - X) and 1 + X. Images have the shape `image`, (C, H, W).
void draw_moves(const Augmentation& augmentation, const Shape& image, RandomState& random,
                std::span<kernels::Move> moves);

}  // namespace lamina

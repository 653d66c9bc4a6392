#include "lamina/nets/blocks/repeat.h"

#include "lamina/nets/sequential.h"

namespace lamina {

template <class T>
std::unique_ptr<Block<T>> Repeat::make() const {
  return std::make_unique<Sequential<T>>(Blocks{*this});
}
template std::unique_ptr<Block<float>> Repeat::make() const;
template std::unique_ptr<Block<double>> Repeat::make() const;

}  // namespace lamina

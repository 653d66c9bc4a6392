// Classifies images with a net that `lamina train` or save_model wrote: embed model.safetensors IMAGE.ppm...
// An image is a binary PPM file of the size that the net takes: `convert cat.jpg -resize '32x32!' cat.ppm`.
#include <fstream>
#include <iostream>

#include "lamina/solver/trained_net.h"

// The pixels (3, H, W) of a file, which has them as (H, W, 3).
lamina::Tensor<std::uint8_t> read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  lamina::Index width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  if (!file || kind != "P6" || most != 255) throw std::runtime_error(path + ": expected a binary PPM file, found none");
  lamina::Tensor<std::uint8_t> image({3, height, width});
  for (lamina::Index h = 0; h < height; ++h)
    for (lamina::Index w = 0; w < width; ++w)
      for (lamina::Index c = 0; c < 3; ++c) image(c, h, w) = static_cast<std::uint8_t>(file.get());
  if (!file) throw std::runtime_error(path + ": expected a pixel for each place, found the end of the file");
  return image;
}

int main(int argc, char** argv) try {
  if (argc < 3) throw std::runtime_error("usage: embed model.safetensors IMAGE.ppm...");
  const lamina::TrainedNet net(argv[1]);
  for (int i = 2; i < argc; ++i) {
    const lamina::Predictions found = net.predict(read_ppm(argv[i]));
    const lamina::Label best = found.classes[0];
    std::cout << argv[i] << ": " << net.class_names()[static_cast<std::size_t>(best)] << ", probability "
              << found.probabilities[best] << '\n';
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

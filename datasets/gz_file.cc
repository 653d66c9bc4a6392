#include "datasets/gz_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lamina/check.h"

namespace lamina {

GzFile::GzFile(std::string_view where, const std::filesystem::path& path) {
  check_regular_file(where, path);
  errno = 0;
  file_ = gzopen(path.c_str(), "rb");
  if (file_ == nullptr)
    fail_file(where, path, "expected a readable file, found: ", errno ? std::strerror(errno) : "out of memory");
  gzbuffer(file_, 1 << 17);
}

GzFile::~GzFile() { gzclose(file_); }

Index GzFile::read(void* to, Index size) {
  Index done = 0;
  while (done < size) {
    const Index wanted = std::min<Index>(size - done, 1 << 30);
    const int got = gzread(file_, static_cast<char*>(to) + done, static_cast<unsigned>(wanted));
    if (got < wanted) {
      int code = Z_OK;
      const char* text = gzerror(file_, &code);
      if (code == Z_BUF_ERROR || (got < 0 && code == Z_OK)) {
        error_ = "the gzipped data ends too early";
      } else if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
        error_ = std::string("damaged gzipped data (") + (code == Z_ERRNO ? std::strerror(errno) : text) + ")";
        // zlib's text begins with the file's path, which is removed here.
        if (const auto colon = error_.rfind(": "); code != Z_ERRNO && colon != std::string::npos)
          error_ = "damaged gzipped data (" + error_.substr(colon + 2);
      }
      if (!error_.empty()) return -1;
    }
    if (got == 0) break;
    done += got;
  }
  return done;
}

bool GzFile::packed() { return gzdirect(file_) == 0; }

}  // namespace lamina

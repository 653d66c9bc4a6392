#include "lamina/nets/block_text_words.h"

#include <algorithm>
#include <utility>

namespace lamina {
namespace {

class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  std::vector<Word> all() {
    std::vector<Word> words = list();
    if (at_ < text_.size()) wrong(at_, "expected a block, got a ')' without its '('");
    return words;
  }

 private:
  // The words up to the end of the text or to a closing parenthesis.
  std::vector<Word> list() {
    constexpr std::string_view kBlank = " \t\r\n";
    std::vector<Word> words;
    while (true) {
      at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size());
      if (at_ == text_.size() || text_[at_] == ')') return words;
      Word word{text_.substr(at_, 1), at_, {}};
      if (word.text == "(") {
        constexpr int kDeepest = 100;
        if (++depth_ > kDeepest) wrong(at_, "expected at most ", kDeepest, " '(' inside one another, got more");
        ++at_;
        word.list = list();
        if (at_ == text_.size()) wrong(at_, "expected a ')' for the '(' at ", word.at, ", got the end of the text");
        ++at_;
        --depth_;
      } else if (word.text == "|") {
        ++at_;
      } else {
        const std::size_t end = std::min(text_.find_first_of(" \t\r\n|()", at_), text_.size());
        word.text = text_.substr(at_, end - at_);
        at_ = end;
      }
      words.push_back(std::move(word));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::vector<Word> words_of(std::string_view text) { return Words(text).all(); }

}  // namespace lamina

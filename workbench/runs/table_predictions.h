// What a net that was trained on a table says of another table.
#pragma once

#include <optional>
#include <string>

#include "datasets/table_preparation.h"
#include "lamina/solver/trained_net.h"

namespace lamina {

/// The table's columns, as the model file keeps them; none if the net was not trained on a table. Throws
/// std::runtime_error where what the file keeps is damaged, or does not fit the net.
std::optional<TablePreparation> preparation_of(const ModelInfo& info);

/// The table with what the net predicts for each row, as the text of a CSV file with the table's separator. Behind the
/// table's own columns stand, for a target of classes, "predicted species" and, for each class, "probability setosa";
/// for numbers, "predicted price" in the target's unit; for labels, "predicted A" (0 or 1) and "probability A". Columns
/// that have such a name already are left out. Throws as TablePreparation::read_inputs().
std::string predictions_csv(const TrainedNet& net, const TablePreparation& preparation, const CsvTable& table,
                            const UnknownCells& unknown = {});

}  // namespace lamina

#version 330
in vec3 place;
uniform mat4 view;
out vec3 at;

void main() {
    at = place;
    gl_Position = view * vec4(place, 1);
}
